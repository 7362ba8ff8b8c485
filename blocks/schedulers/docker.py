"""The `docker` scheduler: apps as what `docker compose` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from orepass.blocks.schedulers.rendered import RenderedReplica, RenderedScheduler, dns_name, merged
from orepass.specs import BindMount, DeviceMount, VolumeMount
from orepass.specs.replica_environment import ATTEMPT, replica_environment

_PREFIX = "docker."


class DockerScheduler(RenderedScheduler):
    """Renders an app for Docker on one machine: a compose file with a service for each replica.

    What Compose knows besides stands in a role's metadata, or in the app's: `docker.FIELD` is a field of the service.

    Attributes:
        network: a network of Docker's that is there already; one that the app alone has, if not given.
    """

    _block_type_name = "orepass docker scheduler"
    _scheduler: ClassVar[str] = "docker"
    _submit_with: ClassVar[str] = "docker compose -f - up"
    _look_with: ClassVar[str] = "docker compose -p {name} ps --all"

    network: str | None = Field(default=None, description="A network that is there already.")

    def render(self, replicas: Sequence[RenderedReplica]) -> list[dict[str, Any]]:
        """See `RenderedScheduler`."""
        services, gpus = {}, 0
        for replica in replicas:
            services[replica.name] = merged(_service(replica, replicas[0].name, gpus), replica.metadata(_PREFIX))
            gpus += max(0, replica.role.resource.gpu)
        volumes = {
            mount.src: {"external": True}
            for replica in replicas
            for mount in replica.role.mounts
            if isinstance(mount, VolumeMount)
        }
        document = {
            "name": dns_name(replicas[0].handle.app_id),
            "services": services,
            **({"volumes": volumes} if volumes else {}),
            **({"networks": {"default": {"name": self.network, "external": True}}} if self.network else {}),
        }
        return [_literal(document)]


def _service(replica: RenderedReplica, rank0_host: str, first_gpu: int) -> dict[str, Any]:
    role, wanted = replica.role, replica.role.resource
    told = replica_environment(str(replica.handle), role.name, replica.number, role.num_replicas, rank0_host)
    if role.max_retries:  # Docker starts the same container again, and does not tell it how often
        del told[ATTEMPT]
    fields = {
        "image": role.image,
        "container_name": replica.name,
        "hostname": replica.name,
        "entrypoint": [role.entrypoint],
        "command": list(role.args),
        "environment": {**role.env, **told},
        "labels": replica.labels,
        "restart": f"on-failure:{role.max_retries}" if role.max_retries else None,
        "cpus": wanted.cpu if wanted.cpu > 0 else None,
        "mem_limit": f"{wanted.memMB}m" if wanted.memMB > 0 else None,
        "deploy": _gpus(range(first_gpu, first_gpu + wanted.gpu)) if wanted.gpu > 0 else None,
        "expose": [str(port) for port in dict.fromkeys(role.port_map.values())] or None,
        "volumes": [_volume(mount) for mount in role.mounts if not isinstance(mount, DeviceMount)] or None,
        "devices": [_device(mount) for mount in role.mounts if isinstance(mount, DeviceMount)] or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _gpus(numbers: range) -> dict[str, Any]:
    # By number, because Docker hands out the same ones to all who only say how many.
    device = {"driver": "nvidia", "device_ids": [str(number) for number in numbers], "capabilities": ["gpu"]}
    return {"resources": {"reservations": {"devices": [device]}}}


def _volume(mount: BindMount | VolumeMount) -> dict[str, Any]:
    read_only = {"read_only": True} if mount.read_only else {}
    if isinstance(mount, VolumeMount):
        return {"type": "volume", "source": mount.src, "target": mount.dst_path, **read_only}
    # Docker would make an empty folder of what is not there.
    exact = {"create_host_path": False}
    return {"type": "bind", "source": mount.src_path, "target": mount.dst_path, **read_only, "bind": exact}


def _device(mount: DeviceMount) -> dict[str, str]:
    return {"source": mount.src_path, "target": mount.dst_path, "permissions": mount.permissions}


def _literal(value: Any) -> Any:
    """A document that Compose, which fills in `$NAME` in all values, makes the given one of."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: _literal(member) for key, member in value.items()}
    return [_literal(member) for member in value] if isinstance(value, list) else value
