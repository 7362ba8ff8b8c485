"""How much memory a process uses, with all that it started."""

from __future__ import annotations

import contextlib
from pathlib import Path


def memory_of(pid: int) -> int:
    """Bytes that a process and its descendants hold and that cannot be read again from a file.

    Pages of memory-mapped files do not count: the system drops them when it needs the space. Linux only; 0 elsewhere.
    """
    return sum(_own(member) for member in _family(pid))


def _family(pid: int) -> list[int]:
    found = [pid]
    for member in found:  # grows while it is read
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{member}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found


def _own(pid: int) -> int:
    held = 0
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:", "VmSwap:")):
                held += int(line.split()[1]) * 1024
    return held
