"""What the supervisor of a local app is told: plain values in a file, so that it loads nothing heavy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from orepass.atomic import write_atomically

_FILE = "plan.json"


@dataclass(frozen=True)
class ReplicaPlan:
    """How one replica is started.

    Attributes:
        role: its role's name.
        id: its number in the role.
        command: program and arguments.
        env: what is added to the environment.
        cwd: where it runs.
        folder: where its streams go.
        max_retries: how often it, or with it the app, is started again.
        alone: whether it is started again alone; else all replicas are.
    """

    role: str
    id: int
    command: list[str]
    env: dict[str, str]
    cwd: str
    folder: str
    max_retries: int
    alone: bool


@dataclass(frozen=True)
class Plan:
    """How an app is run.

    Attributes:
        replicas: all of them.
        grace_s: how long a replica that is to end may take to end by itself, in seconds.
    """

    replicas: list[ReplicaPlan]
    grace_s: float

    def save(self, folder: Path) -> None:
        """Write it into an app's folder."""
        write_atomically(folder / _FILE, orjson.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """Read it from an app's folder."""
        document = orjson.loads((folder / _FILE).read_bytes())
        return cls([ReplicaPlan(**replica) for replica in document["replicas"]], document["grace_s"])
