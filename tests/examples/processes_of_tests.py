"""What tests do with processes that they start."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from orepass.runner import Handle, Runner
from orepass.specs import is_terminal


class Run:
    """A process whose output goes to a file."""

    def __init__(self, command: Sequence[str], log: Path, **options: Any) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options
            )

    @property
    def output(self) -> str:
        """All that it has said so far."""
        return self._log.read_text()

    def end(self, seconds: float = 120) -> str:
        """Wait for its end; all that it has said."""
        self.process.wait(seconds)
        return self.output

    def kill(self) -> None:
        """End it with SIGKILL, and nothing but it: its workers have to notice by themselves."""
        self.process.kill()
        self.process.wait()


RunScript = Callable[..., Run]


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
    """Wait for something to become true."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds:.0f} s in vain for: {what}")
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def end_apps(runner: Runner) -> None:
    """End the local apps that still run."""
    for app in runner.list("local"):
        if not is_terminal(app.state):
            runner.cancel(str(Handle("local", app.session, app.app_id)))
