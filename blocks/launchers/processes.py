"""Worker processes, each at the end of a pipe of its own: killing one cannot harm another."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from orepass.blocks.launchers.memory import memory_of
from orepass.blocks.launchers.orders import Ended, Order
from orepass.blocks.launchers.serving import serve
from orepass.call import LogLine, Outcome
from orepass.errors import StepError, StepKilled, StepOutOfMemory, StepTimeout
from orepass.progress_reports import Progress

Tell = Callable[[Progress | LogLine], None]

_POLL_S = 0.2
_WEIGH_EVERY_S = 0.5
_GIB = 2**30


def start_fork_server() -> None:
    """Start the process that workers are forked from, unless it runs already; its imports take some two seconds."""
    forkserver.set_forkserver_preload(["orepass.modules", "orepass.blocks.launchers.serving"])
    forkserver.ensure_running()


class ProcessPool:
    """Worker processes that are started when a step needs one and kept for the next.

    They are forked from a clean server process that has imported this library, so that a worker starts in
    milliseconds and inherits neither threads nor locks of the flow. Several threads may use a pool at once.
    """

    def __init__(self) -> None:
        start_fork_server()
        self._context = multiprocessing.get_context("forkserver")
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._busy: dict[Path, _Worker | None] = {}  # None while a worker is being started
        self._killed: dict[Path, str] = {}
        self._stopped = False

    def run(
        self, order: Order, gpus: tuple[str, ...], tell: Tell, wanted: Callable[[], bool] = lambda: True
    ) -> Outcome:
        """Run an order in a worker, and wait for it.

        Args:
            order: what to run.
            gpus: ids of the devices that it sees; no others.
            tell: gets progress and log lines, in this thread.
            wanted: asked several times a second whether the outcome is still wanted by anybody.

        Raises:
            Ended: the process died, or it was killed for its time, for its memory, by `kill` or as unwanted.
        """
        with self._lock:
            self._busy[order.partial] = None
            worker = self._take_idle(gpus, order.run)
        try:
            worker = worker or _Worker(self._context, gpus, order.run)
            self._begin(order, worker)
            outcome = worker.ask(order, tell, wanted)
        except BaseException:
            if worker is not None:
                worker.kill()
            raise
        finally:
            with self._lock:
                self._busy.pop(order.partial, None)
                self._killed.pop(order.partial, None)
        with self._lock:
            self._idle.append(worker)
        return outcome

    def _begin(self, order: Order, worker: _Worker) -> None:
        """Let the worker be found by `kill` from here on, unless that was called while it was being started."""
        with self._lock:
            self._busy[order.partial] = worker
            why = self._killed.get(order.partial, "its flow has ended" if self._stopped else None)
        if why is not None:
            raise Ended.here(StepKilled, why, order.partial)

    def _take_idle(self, gpus: tuple[str, ...], run: str) -> _Worker | None:
        # One of another run has that run's code. One that used these devices holds memory on them until it ends.
        for worker in [one for one in self._idle if one.run != run or (one.gpus != gpus and {*one.gpus} & {*gpus})]:
            self._idle.remove(worker)
            worker.kill()
        for worker in [one for one in self._idle if one.gpus == gpus]:
            self._idle.remove(worker)
            if worker.alive():
                return worker
            worker.kill()
        return None

    def kill(self, partial: Path, why: str = "it was cancelled") -> None:
        """Kill the worker that works in a folder, if one does; whoever waits for it is told why."""
        with self._lock:
            if partial not in self._busy:
                return
            self._killed[partial] = why
            worker = self._busy[partial]
        if worker is not None:
            worker.why = why
            worker.kill()

    def busy(self) -> list[Path]:
        """The folders that are being worked in."""
        with self._lock:
            return list(self._busy)

    def stop(self) -> None:
        """Kill all workers."""
        with self._lock:
            self._stopped = True
            workers = [*self._busy.values(), *self._idle]
            self._idle.clear()
        for worker in workers:
            if worker is not None:
                worker.kill()


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, context: Any, gpus: tuple[str, ...], run: str) -> None:
        self.gpus = gpus
        self.run = run
        self.why: str | None = None
        self._pipe, theirs = context.Pipe()
        # No daemon, because these may not start processes of their own, as loaders of training data do.
        self._process = context.Process(target=serve, args=(theirs, gpus), name="orepass-worker", daemon=False)
        self._process.start()
        self._answered = False
        theirs.close()

    def ask(self, order: Order, tell: Tell, wanted: Callable[[], bool]) -> Outcome:
        """Send an order and wait for its outcome."""
        begun = weighed = time.monotonic()
        answer: Any = self._exchange(order, order)
        while True:
            if isinstance(answer, Outcome):
                return answer
            if isinstance(answer, (Progress, LogLine)):
                tell(answer)
            elif answer is not None:
                raise TypeError(f"A worker says {answer!r}. Was the code changed while it ran? Start again.")
            now = time.monotonic()
            if not wanted():
                raise self._killed(order, StepKilled, "it was cancelled")
            if order.timeout_s is not None and now - begun > order.timeout_s:
                minutes = order.timeout_s / 60
                why = f"killed after its timeout_min of {minutes:g} minutes; raise it"
                raise self._killed(order, StepTimeout, why)
            if order.memory_bytes is not None and now - weighed > _WEIGH_EVERY_S:
                weighed = now
                self._weigh(order, order.memory_bytes)
            answer = self._exchange(order)

    def _exchange(self, order: Order, sent: Order | None = None) -> Any:
        """Send something, if there is something to send, and get what the process says; None if it says nothing."""
        try:
            if sent is not None:
                self._pipe.send_bytes(pickle.dumps(sent))
            if not self._pipe.poll(_POLL_S):
                return None
            answer = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            raise self._died(order) from None
        self._answered = True
        return answer

    def _weigh(self, order: Order, limit: int) -> None:
        used = memory_of(self._process.pid)
        if used > limit:
            why = f"killed because it used {used / _GIB:.2f} GiB, more than its mem_gb of {limit / _GIB:g}; raise it"
            raise self._killed(order, StepOutOfMemory, why)

    def alive(self) -> bool:
        """Whether it can take an order: one that waits says nothing, so all that can be read is its end."""
        try:
            return not self._pipe.poll()
        except OSError:
            return False

    def kill(self) -> None:
        """End the process and all that it started."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()

    def _killed(self, order: Order, kind: type[StepError], why: str) -> Ended:
        self.kill()
        return Ended.here(kind, why, order.partial)

    def _died(self, order: Order) -> Ended:
        self._process.join(_POLL_S)  # it lives on if a step has closed the pipe
        if self.why is not None:
            return Ended.here(StepKilled, self.why, order.partial)
        code = self._process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        hint = ", perhaps because memory ran out" if code == -signal.SIGKILL else ""
        if code > 0 and not self._answered:
            hint = " while it started: a script that runs flows needs `if __name__ == '__main__':` around what it runs"
        return Ended.here(StepKilled, f"its worker process died ({how}{hint})", order.partial)
