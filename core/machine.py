"""What this process may use of its machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def count_cpus() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine_memory_gb(groups: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> float:
    """GiB of main memory that this process may have: the machine's, or what its control groups allow, if that is less.

    Args:
        groups: names the control groups of the process (cgroups(7)); there need be no such file.
        mounted: where control groups are mounted.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for file in _limits(groups, mounted):
        try:
            memory = min(memory, int(file.read_text()))
        except (OSError, ValueError):  # there is no such file, or it says that there is no limit
            continue
    return memory / 2**30


def _limits(groups: Path, mounted: Path) -> Iterator[Path]:
    """The files with the limits of the control groups of a process and of those around them, in version 1 and 2."""
    lines = groups.read_text().splitlines() if groups.exists() else []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        # A container may see its own group as the root, under the name that the host has for it.
        inside = [Path(group.lstrip("/")), *Path(group.lstrip("/")).parents]
        if not controllers:
            yield from (mounted / folder / "memory.max" for folder in inside)
        elif "memory" in controllers.split(","):
            yield from (mounted / "memory" / folder / "memory.limit_in_bytes" for folder in inside)
