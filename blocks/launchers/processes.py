"""Worker processes, each at the end of a pipe of its own: killing one cannot harm another."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
import threadpoolctl

from orepass.blocks.launchers.slots import Slot
from orepass.call import Call, Failure, Listener, LogLine, Outcome
from orepass.errors import StepError, StepKilled, StepTimeout
from orepass.failures import step_error
from orepass.progress import Progress
from orepass.work import perform, tail

_POLL_S = 0.2


def start_fork_server() -> None:
    """Start the process that workers are forked from, unless it runs already; its imports take some two seconds."""
    forkserver.set_forkserver_preload(["orepass", "orepass.blocks.launchers.processes"])
    forkserver.ensure_running()


class ProcessPool:
    """Worker processes that are started when a step needs one and kept for the next.

    They are forked from a clean server process that has imported this library, so that a worker starts in
    milliseconds and inherits neither threads nor locks of the flow.
    """

    def __init__(self, at_most: int) -> None:
        start_fork_server()
        self._context = multiprocessing.get_context("forkserver")
        self._idle: dict[tuple[str, ...], list[_Worker]] = {}
        self._busy: set[_Worker] = set()
        self._threads = ThreadPoolExecutor(at_most, thread_name_prefix="orepass-worker")

    async def run(self, call: Call, slot: Slot, listener: Listener) -> Outcome:
        """Run a call in a worker that sees the slot's GPUs and no others.

        Raises:
            StepKilled: the worker died.
            StepTimeout: the step ran past its timeout, and the worker was killed.
        """
        loop = asyncio.get_running_loop()
        payload = cloudpickle.dumps((call, slot.cpus, os.getcwd()))
        idle = self._idle.setdefault(slot.gpus, [])
        worker = idle.pop() if idle else None
        if worker is not None and not worker.alive():
            worker.kill()
            worker = None
        if worker is None:
            worker = await loop.run_in_executor(self._threads, _Worker, self._context, slot.gpus)
        self._busy.add(worker)

        def tell(event: Progress | LogLine) -> None:
            loop.call_soon_threadsafe(listener, event)

        try:
            outcome = await loop.run_in_executor(self._threads, worker.ask, payload, call, tell)
        except BaseException:
            worker.kill()
            raise
        finally:
            self._busy.discard(worker)
        idle.append(worker)
        return outcome

    def stop(self) -> None:
        """Kill all workers."""
        for worker in [*self._busy, *(worker for idle in self._idle.values() for worker in idle)]:
            worker.kill()
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, context: Any, gpus: tuple[str, ...]) -> None:
        self._pipe, theirs = context.Pipe()
        # No daemon, because these may not start processes of their own, as loaders of training data do.
        self._process = context.Process(target=_serve, args=(theirs, gpus), name="orepass-worker", daemon=False)
        self._process.start()
        self._answered = False
        theirs.close()

    def ask(self, payload: bytes, call: Call, tell: Callable[[Progress | LogLine], None]) -> Outcome:
        """Send a call and wait for its outcome."""
        deadline = None if call.timeout_s is None else time.monotonic() + call.timeout_s
        try:
            self._pipe.send_bytes(payload)
            while True:
                if self._pipe.poll(_POLL_S):
                    answer = pickle.loads(self._pipe.recv_bytes())
                    self._answered = True
                    if isinstance(answer, Outcome):
                        if answer.failure is not None:  # a worker that could not load the call left its folder
                            call.step.store.discard(call.partial, call.step.entry)
                        return answer
                    if not isinstance(answer, (Progress, LogLine)):
                        raise TypeError(f"A worker says {answer!r}. Was the code changed while it ran? Start again.")
                    tell(answer)
                if deadline is not None and time.monotonic() > deadline:
                    raise self._timed_out(call)
        except (EOFError, OSError):
            raise self._died(call) from None

    def alive(self) -> bool:
        """Whether it can take a call: one that waits says nothing, so all that can be read is its end."""
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

    def _timed_out(self, call: Call) -> StepError:
        self.kill()
        minutes = call.requirements.timeout_min
        why = _last_words(call, f"killed after its timeout_min of {minutes:g} minutes; raise it")
        return step_error(call.step, why, StepTimeout)

    def _died(self, call: Call) -> StepError:
        self._process.join(_POLL_S)  # it lives on if a step has closed the pipe
        code = self._process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        hint = ", perhaps because memory ran out" if code == -signal.SIGKILL else ""
        if code > 0 and not self._answered:
            hint = " while it started: a script that runs flows needs `if __name__ == '__main__':` around what it runs"
        return step_error(call.step, _last_words(call, f"its worker process died ({how}{hint})"), StepKilled)


def _last_words(call: Call, why: str) -> Failure:
    log = tail(call.partial / "log.txt")
    return Failure(why, log, call.step.store.discard(call.partial, call.step.entry), socket.gethostname())


def _serve(pipe: Connection, gpus: tuple[str, ...]) -> None:
    """The life of a worker: calls in, events and outcomes out."""
    os.setpgrp()  # so that it can be ended with all that it started, and Ctrl-C is for the flow alone
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    _end_with_the_flow()
    while True:
        try:
            payload = pipe.recv_bytes()
        except EOFError:
            return
        try:
            call, cpus, folder = pickle.loads(payload)
            os.chdir(folder)  # where the flow is now; the server process may have been started elsewhere
        except Exception as error:  # whatever an import in the user's code may raise
            trace = traceback.format_exc()
            failure = Failure(f"a worker cannot load it: {error!r}", trace, None, socket.gethostname())
            pipe.send_bytes(pickle.dumps(Outcome(0.0, failure)))
            continue
        _limit_threads(cpus)

        def tell(event: Progress | LogLine) -> None:
            pipe.send_bytes(pickle.dumps(event))

        pipe.send_bytes(pickle.dumps(perform(call, tell, own_process=True)))


def _end_with_the_flow() -> None:
    """Have this process, and all that it starts, killed when the flow's process ends, however that ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if hasattr(fcntl, "F_SETSIG"):
        # Linux sends a signal when the pipe from the flow closes; a thread would have to wait for the interpreter's
        # lock, which C code may hold for long.
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(parent.sentinel, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)

    join = parent.join

    def wait() -> None:
        join()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def _limit_threads(cpus: int) -> None:
    """Let numerical libraries use as many threads as the step has cores: those loaded, and those still to be."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(cpus)
    threadpoolctl.threadpool_limits(cpus)
