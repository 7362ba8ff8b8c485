"""What a cluster for tests has to do with its machine: packages, ports, processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


class SlurmUnavailable(Exception):
    """No Slurm can be started here; says why."""


def install(*packages: str, programs: Sequence[str]) -> None:
    """Install packages of Debian if one of the programs is missing.

    Raises:
        SlurmUnavailable: not root, or they cannot be installed.
    """
    if os.geteuid() != 0:
        raise SlurmUnavailable("a Slurm of its own needs root")
    if all(shutil.which(name) for name in programs):
        return
    if shutil.which("apt-get") is None:
        raise SlurmUnavailable(f"{' and '.join(packages)} are not installed, and there is no apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise SlurmUnavailable(f"apt-get cannot install {' and '.join(packages)}: {done.stderr[-1000:]}")


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def wait(condition: Callable[[], Any], what: str, seconds: float) -> None:
    """Wait for something to become true; a TimeoutError if it does not."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def pids() -> list[int]:
    """The processes of this machine."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def command(pid: int) -> str:
    """The command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def variables(pid: int) -> list[str]:
    """The environment that a process was started with, as NAME=VALUE."""
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


def open_files(pid: int) -> set[str]:
    """What a process has open."""
    found = set()
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(os.readlink(path))
    return found


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    parents = {}
    for each in pids():
        with contextlib.suppress(OSError, IndexError):
            parents[each] = int(Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]
