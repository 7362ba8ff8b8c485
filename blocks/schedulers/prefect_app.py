"""The flow that a work pool runs for an app: the same for all apps, so one deployment a pool serves them all."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.logging.handlers import APILogHandler
from prefect.logging.loggers import PrefectLogAdapter, get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from orepass.blocks.schedulers.installed import image_folder, program
from orepass.runner import parse_handle
from orepass.specs import Stream, macros
from orepass.specs.documents import from_document
from orepass.specs.replica_environment import RANK0_HOST, replica_environment

NAME = "orepass-app"
ENTRYPOINT = f"{__name__}.run_app"
HOST, EXIT_CODE = "orepass.host", "orepass.exit-code"
"""Labels of a run: where the app runs or ran, and what it ended with."""

_SIGNALLED = 128
_GRACE_S = 20.0
_STREAMS_CLOSE_WITHIN_S = 2.0
_LONGEST_LINE = 100_000
# A kill -9 of this process ends the app, too: Linux sends it SIGTERM (PR_SET_PDEATHSIG is 1).
_WITH_THIS_PROCESS = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execvp(sys.argv[1], sys.argv[1:])"


@flow(name=NAME, retries=0, persist_result=False, validate_parameters=False)
def run_app(app: dict[str, Any], handle: str) -> State[Any]:
    """Run the one replica of an app to its end; what it writes is the log of this run.

    Args:
        app: the app, as `orepass.specs.documents` has it.
        handle: the app's handle.
    """
    (role,) = from_document(app).roles
    host, folder = socket.gethostname(), image_folder(role)
    filled = macros.Values(str(folder), parse_handle(handle).app_id, "0", RANK0_HOST).apply(role)
    command, env = [program(role, folder), *filled.args], {**_inherited(), **filled.env}
    if missing := _missing(folder, command[0], env):
        return Failed(message=f"{missing} is not there on {host}. Workers need it in the same place as who submits.")
    _label({HOST: host})
    code, last = _run(command, folder, {**env, **replica_environment(handle, role.name, 0, 1, host)})
    _label({EXIT_CODE: code})
    APILogHandler().flush()  # whoever sees the end shall see all lines
    if code == 0:
        return Completed()
    return Failed(message=f"{role.name} ended with exit code {code} on {host}" + (f": {last}" if last else ""))


def log_name(stream: Stream) -> str:
    """The logger that has the lines of a stream."""
    return f"prefect.flow_runs.{stream}"


def _inherited() -> dict[str, str]:
    """This process's environment without Prefect's own of this run: flows in the app would take themselves for it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT__")}


def _missing(folder: Path, entrypoint: str, env: Mapping[str, str]) -> str | None:
    if not folder.is_dir():
        return f"The folder {folder}"
    return None if shutil.which(entrypoint, path=env.get("PATH")) else f"The program {entrypoint}"


def _label(labels: Mapping[str, str | int]) -> None:
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(flow_run.id, dict(labels))


def _run(command: list[str], folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command; its exit code, as shells have it, and the last line of its stderr."""
    process = subprocess.Popen(
        [sys.executable, "-ISc", _WITH_THIS_PROCESS, *command],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    last: list[str] = []
    assert process.stdout is not None and process.stderr is not None
    pumps = [
        threading.Thread(target=_pump, args=(process.stdout, _log_of(Stream.STDOUT), []), daemon=True),
        threading.Thread(target=_pump, args=(process.stderr, _log_of(Stream.STDERR), last), daemon=True),
    ]
    try:
        for pump in pumps:
            pump.start()
        code = process.wait()
    finally:  # also where Prefect ends this run with a signal
        _end(process)
        for pump in pumps:  # what it has started and left running may hold its streams open
            pump.join(_STREAMS_CLOSE_WITHIN_S)
    return (code if code >= 0 else _SIGNALLED - code), "".join(last)


def _log_of(stream: Stream) -> PrefectLogAdapter:
    return cast(PrefectLogAdapter, get_run_logger()).getChild(stream)


def _pump(pipe: IO[bytes], log: PrefectLogAdapter, last: list[str]) -> None:
    """Log what a pipe has, line by line; the last line that is not empty is left in a list."""
    with pipe:
        while line := pipe.readline(_LONGEST_LINE):
            text = line.decode(errors="replace").rstrip("\r\n").replace("\0", "")  # which PostgreSQL does not take
            log.info("%s", text)
            if text.strip():
                last[:] = [text]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a process and its group."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(_GRACE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
