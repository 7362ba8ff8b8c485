"""The side of a Dask worker: it runs steps in processes of its own, so that one that dies takes nothing with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import pickle
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker
from distributed.core import Status

from orepass.blocks.launchers.orders import Ended, Order
from orepass.blocks.launchers.processes import ProcessPool, start_fork_server
from orepass.blocks.launchers.slots import gpu_ids
from orepass.call import LogLine
from orepass.errors import StepError
from orepass.progress_reports import Progress
from orepass.provenance import job_id, job_restarts

logger = logging.getLogger(__name__)

PLUGIN = "orepass-steps"
_GIB = 2**30
_LAST_REPORTS_S = 5.0
_GONE_AFTER_S = 30.0
# A worker that leaves before its first step, at the end of a short lifetime, is followed by one that does the same.
_FIRST_STEP_WITHIN_S = 30.0


class StepsPlugin(WorkerPlugin):  # type: ignore[misc]
    """What a Dask worker needs to run steps, and what it has to give to them: `cpus`, `gpus` and `mem_gb`.

    Args:
        share: how many workers of this machine share its GPUs; they have to be called 0, 1, 2 ...
    """

    name = PLUGIN
    idempotent = True

    def __init__(self, share: int = 1) -> None:
        self._share = share

    async def setup(self, worker: Worker) -> None:
        """Start what steps are forked from, and declare the resources that nobody has declared."""
        _be_able_to_start_processes()
        start_fork_server()
        self.pool = ProcessPool()
        self.known_to: set[str] = set()  # the topics of flows that have heard where this worker is
        ids = gpu_ids()
        self.gpus = Devices(ids[int(worker.name) :: self._share] if self._share > 1 else ids)
        memory = worker.memory_manager.memory_limit
        has: dict[str, float] = {"cpus": worker.state.nthreads, "gpus": self.gpus.count}
        has |= {"mem_gb": memory / _GIB} if memory else {}
        missing = {name: value for name, value in has.items() if name not in worker.state.total_resources}
        if missing:
            await worker.set_resources(**missing)
            self._telling = asyncio.create_task(_be_looked_at_again(worker))

    def teardown(self, worker: Worker) -> None:
        """Kill what is still running."""
        self.pool.stop()


async def _be_looked_at_again(worker: Worker) -> None:
    """Have the scheduler compare what waits with a worker's new resources, which it does at a change of its status."""
    while worker.status == Status.init:
        await asyncio.sleep(0.05)
    if worker.status == Status.running:
        worker.status = Status.paused
        worker.status = Status.running


class Devices:
    """The GPUs of one worker, handed out to its steps."""

    def __init__(self, ids: list[str]) -> None:
        self.count = len(ids)
        self._free = ids
        self._freed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, count: int) -> Iterator[tuple[str, ...]]:
        """Hold so many of them."""
        with self._freed:
            self._freed.wait_for(lambda: len(self._free) >= count)
            mine, self._free = self._free[:count], self._free[count:]
        try:
            yield tuple(mine)
        finally:
            with self._freed:
                self._free = mine + self._free
                self._freed.notify_all()


class StepWorker(Worker):  # type: ignore[misc]
    """A Dask worker that does not leave in the middle of a step without a word.

    At the end of its lifetime it takes no new steps and lets those that run finish; Dask's own worker would drop them.
    When it has to end at once, it says what became of its steps before it goes.
    """

    status: Status

    async def get_startup_information(self) -> dict[str, Any]:
        """Tell the scheduler where this worker is: one that dies as soon as its step begins could not say it later."""
        return {**await super().get_startup_information(), "where": _here()}

    async def close_gracefully(self, restart: bool | None = None, reason: str = "worker-close-gracefully") -> None:
        """Leave after the steps that run have finished, and not before the first one has begun, if it comes soon."""
        until = asyncio.get_running_loop().time() + _FIRST_STEP_WITHIN_S
        while self.status == Status.running and not self._has_begun() and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.5)
        if self.status == Status.running:
            self.status = Status.paused
        while self.status == Status.paused and self.state.executing:
            await asyncio.sleep(0.5)
        await super().close_gracefully(restart=restart, reason=reason)

    async def close(self, *args: Any, reason: str = "worker-close", **kwargs: Any) -> str | None:
        """Leave now: kill the steps, and tell who waits for them."""
        # Dask's own way out waits for tasks that may never end, and a job ends with its worker.
        last = threading.Timer(_GONE_AFTER_S, os._exit, [0])
        last.daemon = True
        last.start()
        pool = self._pool
        if pool is not None and self.status not in (Status.closing, Status.closed):
            for partial in pool.busy():
                await asyncio.to_thread(pool.kill, partial, f"its Dask worker was ended ({reason})")
            for _ in range(int(_LAST_REPORTS_S / 0.1)):
                if not self.state.executing:
                    break
                await asyncio.sleep(0.1)
        ended: str | None = await super().close(*args, reason=reason, **kwargs)
        return ended

    def _has_begun(self) -> bool:
        return bool(self.state.executing) or self.state.executed_count > 0

    @property
    def _pool(self) -> ProcessPool | None:
        return getattr(self.plugins.get(PLUGIN), "pool", None)


def run_order(order: Order, gpus: int, topic: str) -> None:
    """Run a step on the Dask worker that this is called on; what happens, also how it ends, is told as events.

    Args:
        order: what to run.
        gpus: how many GPUs it needs.
        topic: where the flow listens.
    """
    worker = get_worker()
    steps: StepsPlugin = worker.plugins[PLUGIN]
    key = worker.get_current_task()

    def tell(what: str, content: Any) -> None:
        worker.log_event(topic, (order.partial.name, what, pickle.dumps(content)))

    def tell_event(event: Progress | LogLine) -> None:
        tell("event", event)

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state == "executing"

    if topic not in steps.known_to:
        steps.known_to.add(topic)
        tell("worker", (worker.address, _here()))
    if gpus > steps.gpus.count:
        why = f"it needs {gpus} GPU(s), and its worker was given {steps.gpus.count}; see CUDA_VISIBLE_DEVICES there"
        tell("ended", Ended.here(StepError, why, order.partial))
        return
    # A worker that was lost may have begun it; what it left cannot be told from what is made now.
    shutil.rmtree(order.partial, ignore_errors=True)
    with steps.gpus.taken(gpus) as ids:
        try:
            tell("outcome", steps.pool.run(order, ids, tell_event, wanted))
        except Ended as end:
            tell("ended", end)


def _here() -> tuple[str, str | None, int]:
    """Host, job, and how often that was requeued."""
    return socket.gethostname(), job_id(), job_restarts()


def _be_able_to_start_processes() -> None:
    """Let this worker have child processes, and let these not import what it was started with."""
    # A nanny's worker is a daemon in the sense of multiprocessing, which may have no children. This one ends them.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    # Children would import the main module anew, be it a user's script or Dask's command; steps do not need it.
    main = sys.modules["__main__"]
    main.__spec__ = None
    with contextlib.suppress(AttributeError):
        del main.__file__
