"""What is mounted in a replica, and how that is written on a command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orepass.errors import ConfigError, did_you_mean

_KEYS = {"type": "type", "src": "src", "source": "src", "dst": "dst", "destination": "dst", "target": "dst"}
_READ_ONLY = ("readonly", "read_only")
_PERMISSIONS = ("perm", "permissions")


class MountType(StrEnum):
    """The kinds of mounts."""

    BIND = "bind"
    VOLUME = "volume"
    DEVICE = "device"


@dataclass
class BindMount:
    """A file or folder of the machine.

    Attributes:
        src_path: where it is on the machine.
        dst_path: where it is in the replica.
        read_only: whether it cannot be written.
    """

    src_path: str
    dst_path: str
    read_only: bool = False


@dataclass
class VolumeMount:
    """A volume of the scheduler.

    Attributes:
        src: its name.
        dst_path: where it is in the replica.
        read_only: whether it cannot be written.
    """

    src: str
    dst_path: str
    read_only: bool = False


@dataclass
class DeviceMount:
    """A device of the machine.

    Attributes:
        src_path: where it is on the machine.
        dst_path: where it is in the replica.
        permissions: what may be done with it: `r`ead, `w`rite, `m`ake nodes.
    """

    src_path: str
    dst_path: str
    permissions: str = "rwm"


def parse_mounts(words: Sequence[str]) -> list[BindMount | VolumeMount | DeviceMount]:
    """Mounts as they are written on a command line; each begins with its `type`.

        ["type=bind", "src=/data", "dst=/data", "readonly", "type=device", "src=/dev/fuse"]

    Raises:
        ConfigError: a word that means nothing, or a mount that lacks a part.
    """
    return [_mount(part) for part in _parts(words)]


def _parts(words: Iterable[str]) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = []
    for word in words:
        key, _, value = word.partition("=")
        name = _KEYS.get(key, key if key in (*_READ_ONLY, *_PERMISSIONS) else None)
        if name is None:
            valid = [*_KEYS, *_READ_ONLY, *_PERMISSIONS]
            raise ConfigError(f"{word!r} is no part of a mount. {did_you_mean(key, valid)}")
        if name == "type":
            parts.append({})
        elif not parts:
            raise ConfigError(f"{word!r} belongs to no mount. Begin each with its type, such as 'type=bind'.")
        parts[-1]["permissions" if name in _PERMISSIONS else "read_only" if name in _READ_ONLY else name] = value
    return parts


def _mount(part: dict[str, str]) -> BindMount | VolumeMount | DeviceMount:
    kinds = [kind.value for kind in MountType]
    kind = part["type"]
    if kind not in kinds:
        raise ConfigError(f"type={kind!r} is no kind of mount. {did_you_mean(kind, kinds)}")
    if not part.get("src"):
        raise ConfigError(f"The {kind} mount has no src. Say what is mounted, such as 'src=/data'.")
    if kind == MountType.DEVICE:
        return DeviceMount(part["src"], part.get("dst") or part["src"], part.get("permissions", "rwm"))
    if not part.get("dst"):
        raise ConfigError(f"The {kind} mount of {part['src']!r} has no dst. Say where it goes, such as 'dst=/data'.")
    read_only = "read_only" in part
    mount = BindMount if kind == MountType.BIND else VolumeMount
    return mount(part["src"], part["dst"], read_only)
