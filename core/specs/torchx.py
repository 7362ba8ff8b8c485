"""App specs as TorchX has them, and back: copies, field by field. Needs the extra `torchx`."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from orepass.errors import ConfigError
from orepass.specs.app import AppDef, Resource, RetryPolicy, Role
from orepass.specs.mounts import BindMount, DeviceMount, VolumeMount

_MOUNTS = (BindMount, VolumeMount, DeviceMount)


def to_torchx(app: AppDef) -> Any:
    """A `torchx.specs.AppDef` of the same content.

    Raises:
        ConfigError: TorchX is not installed.
    """
    theirs = _torchx()

    def role(ours: Role) -> Any:
        values = _fields(ours) | {
            "args": list(ours.args),
            "retry_policy": theirs.RetryPolicy(ours.retry_policy.value),
            "resource": theirs.Resource(**_fields(ours.resource)),
            "mounts": [getattr(theirs, type(mount).__name__)(**_fields(mount)) for mount in ours.mounts],
        }
        return theirs.Role(**values)

    return theirs.AppDef(app.name, [role(one) for one in app.roles], dict(app.metadata))


def from_torchx(app: Any) -> AppDef:
    """An app of the same content as a `torchx.specs.AppDef`.

    Raises:
        ConfigError: it says something that has no place here, such as fewer `min_replicas` than `num_replicas`.
    """
    kinds = {kind.__name__: kind for kind in _MOUNTS}

    def role(theirs: Any) -> Role:
        if theirs.min_replicas == theirs.num_replicas:  # as in all that TorchX's own dist.ddp makes: it says nothing
            theirs = dataclasses.replace(theirs, min_replicas=None)
        values = _taken(Role, theirs) | {
            "retry_policy": RetryPolicy(theirs.retry_policy.value),
            "resource": Resource(**_taken(Resource, theirs.resource)),
            "mounts": [
                kinds[type(mount).__name__](**_taken(kinds[type(mount).__name__], mount)) for mount in theirs.mounts
            ],
        }
        return Role(**values)

    return AppDef(app.name, [role(one) for one in app.roles], dict(app.metadata))


def _fields(value: Any) -> dict[str, Any]:
    return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}


def _taken(kind: type, theirs: Any) -> dict[str, Any]:
    """What of their fields we have, if the others say nothing."""
    own = {one.name for one in dataclasses.fields(kind)}
    for name, value in _fields(theirs).items():
        if name not in own and value:
            raise ConfigError(f"{type(theirs).__name__}.{name}={value!r} of TorchX has no place in an app here.")
    return {name: value for name, value in _fields(theirs).items() if name in own}


def _torchx() -> Any:
    try:
        return importlib.import_module("torchx.specs")
    except ImportError as error:
        raise ConfigError(f"TorchX cannot be imported ({error}). Install it: pip install 'orepass[torchx]'.") from error
