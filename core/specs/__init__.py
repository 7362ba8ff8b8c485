"""App specs: applications as data, for any scheduler.

import orepass.specs as specs

specs.AppDef(name="echo", roles=[specs.Role(name="echo", image="/tmp", entrypoint="/bin/echo", args=["hello"])])
"""

from orepass.specs.app import MISSING, AppDef, Resource, Resources, RetryPolicy, Role
from orepass.specs.checks import check_app
from orepass.specs.macros import macros
from orepass.specs.mounts import BindMount, DeviceMount, MountType, VolumeMount, parse_mounts
from orepass.specs.named_resources import named_resource, resource, use_resources
from orepass.specs.states import (
    AppState,
    AppStatus,
    ReplicaState,
    ReplicaStatus,
    RoleStatus,
    is_started,
    is_terminal,
)
from orepass.specs.streams import Stream

__all__ = [
    "MISSING",
    "AppDef",
    "AppState",
    "AppStatus",
    "BindMount",
    "DeviceMount",
    "MountType",
    "ReplicaState",
    "ReplicaStatus",
    "Resource",
    "Resources",
    "RetryPolicy",
    "Role",
    "RoleStatus",
    "Stream",
    "VolumeMount",
    "check_app",
    "is_started",
    "is_terminal",
    "macros",
    "named_resource",
    "parse_mounts",
    "resource",
    "use_resources",
]
