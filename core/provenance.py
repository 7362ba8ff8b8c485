"""Where and with what a result was made, for its record."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import resource
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")


@dataclass(frozen=True)
class Usage:
    """What a step cost: wall-clock seconds, processor seconds, and bytes at the peak."""

    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int | None


def measure() -> Callable[[], Usage]:
    """Start measuring this process; call what is returned for what it cost since."""
    _reset_peak()
    wall, cpu = time.perf_counter(), _cpu_seconds()
    return lambda: Usage(time.perf_counter() - wall, _cpu_seconds() - cpu, _peak())


def job_id() -> str | None:
    """The id of the cluster job that this process is in, if it is in one."""
    return next((os.environ[name] for name in JOB_VARIABLES if name in os.environ), None)


def job_restarts() -> int:
    """How often the job that this process is in was requeued by Slurm."""
    return int(os.environ.get("SLURM_RESTART_COUNT") or 0)


@cache
def packages() -> Mapping[str, str]:
    """Installed versions of Python, of this package and of what it depends on."""
    versions = {"python": platform.python_version()}
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        needed = [name for name in importlib.metadata.requires("orepass") or () if "extra ==" not in name]
        for name in sorted(["orepass", *(re.split(r"[^A-Za-z0-9._-]", one)[0] for one in needed)]):
            # What is needed may be there under another name, such as a build of FAISS for GPUs.
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                versions[name] = importlib.metadata.version(name)
    return versions


@cache
def git_commit(folder: Path) -> str | None:
    """The commit of the repository that a folder is in, with `+` if there are changes on top; None without one."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=10).stdout.strip()


def _cpu_seconds() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _reset_peak() -> None:
    with contextlib.suppress(OSError):  # not Linux, or not allowed: the peak is then that of the whole process
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int | None:
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return None
