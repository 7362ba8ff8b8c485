"""What this process may use of its machine."""

from __future__ import annotations

import os


def count_cpus() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
