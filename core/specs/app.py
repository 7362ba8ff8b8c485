"""App specs: what an application is made of, in TorchX's words (https://pytorch.org/torchx, `torchx.specs`).

The application itself knows nothing of it: any command will do. Field names, their order and their defaults are those
of TorchX, so that `orepass.specs.torchx` can copy them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orepass.specs.mounts import BindMount, DeviceMount, VolumeMount

MISSING = "<MISSING>"
"""An entrypoint that was not given."""


class RetryPolicy(StrEnum):
    """What is started again when a replica fails."""

    REPLICA = "REPLICA"
    APPLICATION = "APPLICATION"
    HOT_SPARE = "HOT_SPARE"


@dataclass
class Resource:
    """What one replica needs.

    Attributes:
        cpu: processor cores; -1 for whatever the scheduler gives.
        gpu: graphics processors; -1 likewise.
        memMB: main memory in MB; -1 likewise.
        capabilities: what else the machine has to have, in the scheduler's words.
    """

    cpu: int
    gpu: int
    memMB: int
    capabilities: dict[str, Any] = field(default_factory=dict)


Resources = Resource
"""The same; TorchX's documents have both names."""


def _whatever() -> Resource:
    return Resource(cpu=-1, gpu=-1, memMB=-1)


@dataclass
class Role:
    """Replicas that do the same.

    Attributes:
        name: what they are called, such as `trainer`.
        image: what the program is in: a folder, for schedulers on plain machines; a container image, for others.
        entrypoint: the command.
        args: its arguments; macros are filled in.
        env: environment variables; macros are filled in.
        num_replicas: how many replicas.
        max_retries: how often one is started again.
        retry_policy: what is started again when one fails.
        resource: what each replica needs.
        port_map: ports by what they are for.
        metadata: what a scheduler may know besides, with keys such as `slurm.partition`; macros are filled in.
        mounts: what is mounted in each replica.
    """

    name: str
    image: str
    entrypoint: str = MISSING
    args: Sequence[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    num_replicas: int = 1
    max_retries: int = 0
    retry_policy: RetryPolicy = RetryPolicy.APPLICATION
    resource: Resource = field(default_factory=_whatever)
    port_map: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    mounts: list[BindMount | VolumeMount | DeviceMount] = field(default_factory=list)


@dataclass
class AppDef:
    """An application.

    Attributes:
        name: its name.
        roles: its roles; several of them make it heterogeneous.
        metadata: what a scheduler may know besides.
    """

    name: str
    roles: list[Role] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
