"""A lifeline: an app ends with the process that waits for it, however that one ends.

A small process, in a session of its own, reads from a pipe that only the waiting process can write to. If the pipe
closes before that one has said that all is well, it was killed, and the app is cancelled by its handle.

This file is also what the small process runs. So that it takes next to no memory while it waits, the file imports
nothing but the standard library before there is something to cancel.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

_DONE = b"."
_TRY_FOR_S = 60.0


@contextlib.contextmanager
def lifeline(handle: str, options: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Cancel an app if this process, or what is done in here, ends before its time.

    Begin it before the app is submitted. If the machine as a whole dies, the small process dies, too, and an app that
    runs elsewhere goes on.

    Args:
        handle: of the app.
        options: of its scheduler.
    """
    reading, writing = os.pipe()  # which no other process inherits
    command = [sys.executable, "-P", __file__, handle]
    try:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        watcher = subprocess.Popen(command, stdin=reading, start_new_session=True, **quiet)  # type: ignore[call-overload]
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    ended = threading.Thread(target=watcher.wait, name="orepass-lifeline", daemon=True)
    ended.start()
    try:
        _tell(writing, json.dumps(dict(options or {}), default=str).encode() + b"\n")
        yield
        _tell(writing, _DONE)
    finally:
        os.close(writing)
    ended.join()


def _tell(pipe: int, what: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # somebody has ended the small process
        os.write(pipe, what)


def _watch(handle: str) -> None:
    options = b""
    try:
        signal.signal(signal.SIGTERM, _end)  # such as from Slurm, before it kills all processes of a job
        options = sys.stdin.buffer.readline()
        if sys.stdin.buffer.read(1) == _DONE:
            return
    except _Terminated:
        pass
    if options:  # else nothing was submitted yet
        _cancel(handle, json.loads(options))


def _cancel(handle: str, options: dict[str, Any]) -> None:
    from orepass.errors import AppError
    from orepass.runner import get_runner, parse_handle
    from orepass.specs import AppState

    runner = get_runner(scheduler_options={parse_handle(handle).scheduler: options})
    until = time.monotonic() + _TRY_FOR_S
    while time.monotonic() < until:
        with contextlib.suppress(AppError):  # the scheduler does not answer
            status = runner.status(handle)
            if status is not None:
                runner.cancel(handle)
                if status.state not in (AppState.UNSUBMITTED, AppState.SUBMITTED):
                    return
        time.sleep(1.0)  # its submission was cut off, and may take effect yet


class _Terminated(Exception):
    """The small process is to end."""


def _end(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


if __name__ == "__main__":
    _watch(sys.argv[1])
