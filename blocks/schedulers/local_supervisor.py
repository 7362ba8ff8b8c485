"""The process that looks after one local app: it starts its replicas, and outlives who submitted it.

python -m orepass.blocks.schedulers.local_supervisor FOLDER
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from orepass.blocks.schedulers.local_plan import Plan, ReplicaPlan
from orepass.blocks.schedulers.local_state import LocalState, ReplicaRecord, supervising
from orepass.blocks.schedulers.logs import tail
from orepass.claims import Owner
from orepass.specs.replica_environment import ATTEMPT
from orepass.specs.states import AppState
from orepass.specs.streams import Stream

_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 20  # of a longer one, what others write may come in between
_POLL_S = 0.05
_SIGNALLED = 128
# What a replica has started and left running in a session of its own may hold its streams open for ever.
_STREAMS_CLOSE_WITHIN_S = 2.0


class Replica:
    """One replica, through all of its starts."""

    def __init__(self, plan: ReplicaPlan, record: ReplicaRecord) -> None:
        self.plan = plan
        self.record = record
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._pumps: list[threading.Thread] = []

    def start(self) -> None:
        """Start it in a process group of its own."""
        environment = {**os.environ, **self.plan.env, ATTEMPT: str(self.starts)}
        self.starts += 1
        self.record.exit_code = None
        try:
            self._process = subprocess.Popen(
                self.plan.command,
                cwd=self.plan.cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self._process = None
            self.record.state, self.record.exit_code = AppState.FAILED, 127
            for stream in (Stream.STDERR, Stream.COMBINED):
                with Path(self.plan.folder, stream).open("a") as file:
                    file.write(f"{error}\n")
            return
        self.record.state, self.record.process = AppState.RUNNING, Owner.of(self._process.pid)
        self._copy_streams(self._process)

    def ended(self) -> bool:
        """Whether it has ended; notes how."""
        if self._process is None:
            return True
        code = self._process.poll()
        if code is None:
            return False
        if self.record.state is AppState.RUNNING:
            self.signal(signal.SIGKILL)  # the group ends with its first process
            self.record.exit_code = code if code >= 0 else _SIGNALLED - code  # as shells have it
            self.record.state = AppState.SUCCEEDED if code == 0 else AppState.FAILED
            for pump in self._pumps:
                pump.join(_STREAMS_CLOSE_WITHIN_S)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all processes of its group."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, number)

    def _copy_streams(self, process: subprocess.Popen[bytes]) -> None:
        folder = Path(self.plan.folder)
        combined = Lines(folder / Stream.COMBINED)
        streams = {Stream.STDOUT: process.stdout, Stream.STDERR: process.stderr}
        self._pumps = [
            threading.Thread(target=_copy, args=(pipe, folder / name, combined), daemon=True)
            for name, pipe in streams.items()
        ]
        for pump in self._pumps:
            pump.start()


class Lines:
    """A file that several threads write lines to, which stay whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def write(self, lines: bytes) -> None:
        """Write lines."""
        with self._lock:
            self._file.write(lines)


def _copy(pipe: IO[bytes], path: Path, combined: Lines) -> None:
    begun = bytearray()
    with path.open("ab", buffering=0) as file, pipe:
        while chunk := os.read(pipe.fileno(), _CHUNK):
            file.write(chunk)
            lines, end, rest = chunk.rpartition(b"\n")
            if end or len(begun) > _LONGEST_LINE:
                combined.write(bytes(begun) + lines + end)
                begun.clear()
            begun += rest
    if begun:
        combined.write(bytes(begun) + b"\n")


class Supervisor:
    """Runs the replicas of an app to their end."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._grace_s = plan.grace_s
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        records = [ReplicaRecord(replica.role, replica.id) for replica in plan.replicas]
        self._replicas = [Replica(*pair) for pair in zip(plan.replicas, records, strict=True)]
        self._state = LocalState(Owner.this_process(), records)

    def run(self, started: Callable[[], object]) -> None:
        """Run the app.

        Args:
            started: called when all replicas have been started.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda caught, _: self._signals.put(caught))
        self._start(self._replicas)
        started()
        while self._state.state is AppState.RUNNING:
            time.sleep(_POLL_S)
            if not self._signals.empty():
                self._end(AppState.CANCELLED, "it was cancelled")
            else:
                self._look()

    def _start(self, replicas: list[Replica]) -> None:
        for replica in replicas:
            replica.start()
        self._state.state = AppState.RUNNING
        self._state.save(self._folder)

    def _look(self) -> None:
        running = [replica for replica in self._replicas if replica.record.state is AppState.RUNNING]
        ended = [replica for replica in running if replica.ended()]
        failed = [replica for replica in self._replicas if replica.record.state is AppState.FAILED]
        if failed:
            self._go_on_without(failed[0])
        elif all(replica.record.state is AppState.SUCCEEDED for replica in self._replicas):
            self._end(AppState.SUCCEEDED, "")
        elif ended:
            self._state.save(self._folder)

    def _go_on_without(self, failed: Replica) -> None:
        """Start again what may be started again after a failure, or end."""
        if failed.starts > failed.plan.max_retries:
            self._end(AppState.FAILED, _why(failed))
            return
        again = [failed] if failed.plan.alone else self._replicas
        self._end_replicas(again)
        self._state.num_restarts += 1
        self._state.msg = f"{_why(failed)}; started again"
        self._start(again)

    def _end(self, state: AppState, msg: str) -> None:
        self._end_replicas(self._replicas)
        self._state.state, self._state.msg = state, msg
        self._state.save(self._folder)

    def _end_replicas(self, replicas: list[Replica]) -> None:
        """End those that run: they are asked to, and killed if they take too long."""
        left = [replica for replica in replicas if replica.record.state is AppState.RUNNING and not replica.ended()]
        for replica in left:
            replica.signal(signal.SIGTERM)
        until = time.monotonic() + self._grace_s
        while not all([replica.ended() for replica in left]) and time.monotonic() < until:
            time.sleep(_POLL_S)
        for replica in left:
            if not replica.ended():
                replica.signal(signal.SIGKILL)
        while not all([replica.ended() for replica in left]):
            time.sleep(_POLL_S)
        for replica in left:
            replica.record.state = AppState.CANCELLED


def _why(failed: Replica) -> str:
    code = failed.record.exit_code or 0
    name = signal.Signals(code - _SIGNALLED).name if code - _SIGNALLED in set(signal.Signals) else ""
    how = f"exit code {code}{f' ({name})' if name else ''}"
    host = failed.record.process.host if failed.record.process else os.uname().nodename
    last = "".join(f": {line}" for line in tail(Path(failed.plan.folder, Stream.STDERR), 1))
    return f"replica {failed.plan.id} of {failed.plan.role} ended with {how} on {host}{last}"


def main() -> None:
    """Look after the app of a folder, unless somebody does or did so already; returns when it has been started."""
    started, tell = os.pipe()
    if os.fork():
        # Whoever submits waits for this process only; the other one has no parent, and is nobody's to wait for.
        os.close(tell)
        sys.exit(0 if os.read(started, 1) else 1)
    folder = Path(sys.argv[1])
    with supervising(folder) as first:
        if first:
            Supervisor(folder, Plan.load(folder)).run(lambda: os.write(tell, b"."))
        os.write(tell, b".")


if __name__ == "__main__":
    main()
