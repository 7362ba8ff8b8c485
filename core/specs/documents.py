"""App specs as JSON: what is kept of an app that was submitted, and what its key is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from orepass.config import load
from orepass.errors import ConfigError, did_you_mean
from orepass.specs.app import AppDef, RetryPolicy, Role
from orepass.specs.mounts import BindMount, DeviceMount, MountType, VolumeMount

_MOUNTS = {MountType.BIND: BindMount, MountType.VOLUME: VolumeMount, MountType.DEVICE: DeviceMount}
_TYPES = {kind: word for word, kind in _MOUNTS.items()}


def to_document(app: AppDef) -> dict[str, Any]:
    """An app as JSON can hold it; every mount says its `type`."""
    document = asdict(app)
    for role, described in zip(app.roles, document["roles"], strict=True):
        described["args"] = list(role.args)
        described["retry_policy"] = str(role.retry_policy)
        pairs = zip(role.mounts, described["mounts"], strict=True)
        described["mounts"] = [{"type": str(_TYPES[type(mount)]), **fields} for mount, fields in pairs]
    return document


def from_document(document: Mapping[str, Any]) -> AppDef:
    """The app that a document stands for; what is left out has its default.

    Raises:
        ConfigError: it is none; says where.
    """
    values = dict(document)
    roles = values.pop("roles", [])
    if not isinstance(roles, list):
        raise ConfigError("roles: expected a list of roles.")
    app = load(AppDef, values)
    app.roles = [_role(role, f"roles[{position}]") for position, role in enumerate(roles)]
    return app


def _role(document: Any, where: str) -> Role:
    try:
        if not isinstance(document, Mapping):
            raise ConfigError("expected a role with name, image, entrypoint.")
        values = dict(document)
        mounts = [_mount(mount) for mount in values.pop("mounts", [])]
        role: Role = load(Role, values)
        role.mounts = mounts
        role.retry_policy = RetryPolicy(role.retry_policy)
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None
    return role


def _mount(document: Any) -> BindMount | VolumeMount | DeviceMount:
    values = dict(document) if isinstance(document, Mapping) else {}
    word = str(values.pop("type", ""))
    if word not in list(MountType):
        raise ConfigError(f"type={word!r} is no kind of mount. {did_you_mean(word, MountType)}")
    mount: BindMount | VolumeMount | DeviceMount = load(_MOUNTS[MountType(word)], values)
    return mount
