"""Which file system a folder is on, by proc_pid_mountinfo(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

_SHARED = {
    "9p", "afs", "beegfs", "ceph", "cifs", "gfs", "gfs2", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2",
    "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "virtiofs", "wekafs",
}  # fmt: skip


@dataclass(frozen=True)
class FileSystem:
    """A mounted file system: its type as Linux names it, and where it is mounted."""

    kind: str
    mounted: str

    @property
    def shared(self) -> bool:
        """Whether other machines may see it, too; what goes through FUSE mostly is of that sort."""
        return self.kind in _SHARED or self.kind.startswith("fuse")

    @property
    def transient(self) -> bool:
        """Whether it ends with the machine, or with the container."""
        return self.kind in {"overlay", "ramfs", "tmpfs"}


def file_system_of(folder: Path, mountinfo: str) -> FileSystem | None:
    """The file system that a folder is on, or would be on.

    Args:
        folder: absolute, without symbolic links; there need be no such folder.
        mountinfo: the text of `/proc/self/mountinfo`.

    Returns:
        None if no line of the text holds the folder.
    """
    found = None
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        if not separator:
            continue
        mounted = _unescaped(before.split(" ")[4])
        # Of two at the same place, the later one lies over the other.
        if folder.is_relative_to(mounted) and (found is None or len(mounted) >= len(found.mounted)):
            found = FileSystem(after.split(" ")[0], mounted)
    return found


def _unescaped(text: str) -> str:
    """Spaces, tabs, line ends and backslashes are written as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda digits: chr(int(digits[1], 8)), text)
