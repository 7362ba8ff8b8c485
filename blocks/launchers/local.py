"""The `local` launcher: worker processes on this machine, with its cores and GPUs counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from orepass.attempts import RetryPolicy
from orepass.blocks.launchers._base import KillingLauncher
from orepass.blocks.launchers.orders import Order, settled
from orepass.blocks.launchers.packing import Packer
from orepass.blocks.launchers.processes import ProcessPool, start_fork_server
from orepass.blocks.launchers.slots import Slots, count_gpus
from orepass.call import Call, Listener, LogLine, Outcome
from orepass.machine import count_cpus
from orepass.progress_reports import Progress
from orepass.requirements import Requirements


class LocalTaskRunner(ThreadPoolTaskRunner[Any]):
    """Runs scheduled steps in worker processes, as many at a time as the machine has cores and GPUs for."""

    def __init__(self, cpus: int, gpus: int, limit_memory: bool, retry_policy: RetryPolicy) -> None:
        super().__init__(max_workers=cpus)
        self._cpus = cpus
        self._gpus = gpus
        self._limit_memory = limit_memory
        self._retry_policy = retry_policy
        self._slots: Slots | None = None
        self._pool: ProcessPool | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._packer = Packer()

    def duplicate(self) -> LocalTaskRunner:
        """Another one with the same numbers."""
        return LocalTaskRunner(self._cpus, self._gpus, self._limit_memory, self._retry_policy)

    def policy_for(self, needs: Requirements) -> RetryPolicy:
        """See `Workers`."""
        return self._retry_policy

    def __exit__(self, *exc_info: Any) -> None:
        """Stop the workers, also those that are in the middle of a step."""
        if self._pool is not None and self._threads is not None:
            self._pool.stop()
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._pool = self._threads = None
        super().__exit__(*exc_info)

    async def compute(self, call: Call, listener: Listener) -> Outcome:
        """Run one step in a worker process once there are cores and GPUs free for it."""
        if self._slots is None or self._pool is None or self._threads is None:
            self._slots = Slots(self._cpus, self._gpus)
            self._pool = ProcessPool()
            self._threads = ThreadPoolExecutor(self._cpus, thread_name_prefix="orepass-worker")
        loop = asyncio.get_running_loop()

        def tell(event: Progress | LogLine) -> None:
            loop.call_soon_threadsafe(listener, event)

        async with self._slots.taken(call.requirements, call.step.label) as slot:
            order = Order.of(call, self._packer, cpus=slot.cpus, limit_memory=self._limit_memory)
            running = loop.run_in_executor(self._threads, self._pool.run, order, slot.gpus, tell)
            return await settled(call, self._or_killed(call, running))

    async def _or_killed(self, call: Call, running: Awaitable[Outcome]) -> Outcome:
        try:
            return await running
        except asyncio.CancelledError:
            if self._pool is not None:
                self._pool.kill(call.partial)  # before its folder is removed
            raise


class LocalLauncher(KillingLauncher):
    """Worker processes on this machine; its cores and GPUs are counted so that steps do not oversubscribe them.

    Attributes:
        cpus: cores to use; all that this process may use, if not given.
        gpus: GPUs to use; all that can be seen, if not given.
    """

    _block_type_name = "orepass local launcher"

    cpus: int | None = Field(default=None, ge=1, description="Cores to use; all, if not given.")
    gpus: int | None = Field(default=None, ge=0, description="GPUs to use; all, if not given.")

    def prepare(self) -> None:
        """Let the process that workers are forked from do its imports while Prefect starts."""
        start_fork_server()

    def gpus_at_most(self) -> int:
        """See `Launcher`."""
        return count_gpus() if self.gpus is None else self.gpus

    def task_runner(self) -> TaskRunner[Any]:
        """See `Launcher`."""
        return LocalTaskRunner(self.cpus or count_cpus(), self.gpus_at_most(), self.limit_memory, self.retry_policy())
