"""The `kubernetes` scheduler: apps as what `kubectl apply` takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from orepass.blocks.schedulers.rendered import RenderedReplica, RenderedScheduler, dns_name, merged
from orepass.errors import ConfigError, did_you_mean
from orepass.specs import BindMount, DeviceMount, Role, VolumeMount
from orepass.specs.replica_environment import ATTEMPT, replica_environment

_PREFIX = "kubernetes."
_PLACES = ("job", "pod", "container")
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
_FAILURES = "metadata.annotations['batch.kubernetes.io/job-index-failure-count']"


class KubernetesScheduler(RenderedScheduler):
    """Renders an app for Kubernetes (1.29 or newer): a Job for each replica, and a Service that gives them names.

    What Kubernetes knows besides stands in a role's metadata, or in the app's: `kubernetes.job.FIELD`,
    `kubernetes.pod.FIELD` and `kubernetes.container.FIELD` are fields of the Job, of its pods and of their container.

    Attributes:
        namespace: where all of it goes; that of kubectl's context, if not given.
        service_account: what the pods act as; the namespace's default, if not given.
        image_pull_secrets: names of the secrets that images are pulled with.
    """

    _block_type_name = "orepass kubernetes scheduler"
    _scheduler: ClassVar[str] = "kubernetes"
    _submit_with: ClassVar[str] = "kubectl apply -f -"
    _look_with: ClassVar[str] = "kubectl get jobs,pods -l orepass/app={label}"

    namespace: str | None = Field(default=None, description="Where all of it goes.")
    service_account: str | None = Field(default=None, description="What the pods act as.")
    image_pull_secrets: list[str] = Field(default=[], description="Secrets that images are pulled with.")

    def render(self, replicas: Sequence[RenderedReplica]) -> list[dict[str, Any]]:
        """See `RenderedScheduler`."""
        first = replicas[0]
        service = dns_name(first.handle.app_id)
        # Kubernetes calls the host of a Job's only index by the Job's name with `-0` behind it.
        rank0_host = f"{first.name}-0.{service}"
        return [self._service(service, first), *(self._job(replica, service, rank0_host) for replica in replicas)]

    def _service(self, name: str, first: RenderedReplica) -> dict[str, Any]:
        found_by = {key: first.labels[key] for key in ("orepass/session", "orepass/app")}
        # Replicas look for one another before they are ready for anything else.
        spec = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": found_by}
        return {"apiVersion": "v1", "kind": "Service", "metadata": self._metadata(name, found_by), "spec": spec}

    def _job(self, replica: RenderedReplica, service: str, rank0_host: str) -> dict[str, Any]:
        role, more = replica.role, _more(replica)
        pod = {
            "restartPolicy": "Never",
            "subdomain": service,
            **({"serviceAccountName": self.service_account} if self.service_account else {}),
            "imagePullSecrets": [{"name": name} for name in self.image_pull_secrets],
            "nodeSelector": _node_selector(role),
            "containers": [merged(_container(replica, rank0_host), more["container"])],
            "volumes": [_volume(number, mount) for number, mount in enumerate(role.mounts)],
        }
        spec = {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": role.max_retries,
            # With these two Kubernetes counts a pod's failures, and tells the next pod: OREPASS_ATTEMPT.
            "completionMode": "Indexed",
            "backoffLimitPerIndex": role.max_retries,
            "template": {"metadata": {"labels": replica.labels}, "spec": merged(_without_empty(pod), more["pod"])},
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self._metadata(replica.name, replica.labels),
            "spec": merged(spec, more["job"]),
        }

    def _metadata(self, name: str, labels: dict[str, str]) -> dict[str, Any]:
        return {"name": name, **({"namespace": self.namespace} if self.namespace else {}), "labels": labels}


def _container(replica: RenderedReplica, rank0_host: str) -> dict[str, Any]:
    role = replica.role
    told = replica_environment(str(replica.handle), role.name, replica.number, role.num_replicas, rank0_host)
    texts = {name: value for name, value in {**role.env, **told}.items() if name != ATTEMPT}
    resources = _resources(role)
    return _without_empty(
        {
            "name": "main",
            "image": role.image,
            "command": [_literal(role.entrypoint)],
            "args": [_literal(argument) for argument in role.args],
            "env": [
                *({"name": name, "value": _literal(value)} for name, value in texts.items()),
                {"name": ATTEMPT, "valueFrom": {"fieldRef": {"fieldPath": _FAILURES}}},
            ],
            "ports": _ports(role),
            "resources": {"requests": resources, "limits": resources} if resources else {},
            "volumeMounts": [_volume_mount(number, mount) for number, mount in enumerate(role.mounts)],
            # Nothing less lets a container use a device of its machine.
            "securityContext": {"privileged": True} if any(isinstance(m, DeviceMount) for m in role.mounts) else {},
        }
    )


def _literal(text: str) -> str:
    """A text that Kubernetes, which fills in `$(NAME)`, makes the given one of."""
    return text.replace("$", "$$")


def _ports(role: Role) -> list[dict[str, Any]]:
    for name in role.port_map:
        if not _PORT_NAME.fullmatch(name):
            raise ConfigError(
                f"The role {role.name!r} has a port {name!r}, which Kubernetes cannot call so. Give 1 to 15 lower-case "
                "letters, digits and - in between."
            )
    return [{"name": name, "containerPort": port} for name, port in role.port_map.items()]


def _resources(role: Role) -> dict[str, str]:
    wanted = role.resource
    amounts = {"cpu": (wanted.cpu, ""), "memory": (wanted.memMB, "Mi"), "nvidia.com/gpu": (wanted.gpu, "")}
    return {name: f"{amount}{unit}" for name, (amount, unit) in amounts.items() if amount > 0}


def _node_selector(role: Role) -> dict[str, str]:
    values = {}
    for name, value in role.resource.capabilities.items():
        if not isinstance(value, str | int):
            raise ConfigError(
                f"The role {role.name!r} wants the capability {name!r} to be {value!r}, which no label of a node can "
                "be. Give a text or a number."
            )
        values[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return values


def _volume(number: int, mount: BindMount | VolumeMount | DeviceMount) -> dict[str, Any]:
    name = f"mount-{number}"
    if isinstance(mount, VolumeMount):
        return {"name": name, "persistentVolumeClaim": {"claimName": mount.src}}
    return {"name": name, "hostPath": {"path": mount.src_path}}


def _volume_mount(number: int, mount: BindMount | VolumeMount | DeviceMount) -> dict[str, Any]:
    read_only = "w" not in mount.permissions if isinstance(mount, DeviceMount) else mount.read_only
    return {"name": f"mount-{number}", "mountPath": mount.dst_path, **({"readOnly": True} if read_only else {})}


def _more(replica: RenderedReplica) -> dict[str, dict[str, Any]]:
    """What the metadata has for the Job, for its pods and for their container."""
    more: dict[str, dict[str, Any]] = {place: {} for place in _PLACES}
    for key, value in replica.metadata(_PREFIX).items():
        place, _, field = key.partition(".")
        if place not in more or not field:
            raise ConfigError(
                f"The role {replica.role.name!r} has the metadata {_PREFIX + key!r}, which is not of the form "
                f"kubernetes.PLACE.FIELD. {did_you_mean(place, _PLACES)}"
            )
        more[place][field] = value
    return more


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ([], {})}
