"""The `local` launcher: worker processes on this machine, with its cores and GPUs counted."""

from __future__ import annotations

from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from orepass.blocks.launchers._base import Launcher
from orepass.blocks.launchers.processes import ProcessPool, start_fork_server
from orepass.blocks.launchers.slots import Slots, count_gpus
from orepass.call import Call, Listener, Outcome
from orepass.machine import count_cpus


class LocalTaskRunner(ThreadPoolTaskRunner[Any]):
    """Runs scheduled steps in worker processes, as many at a time as the machine has cores and GPUs for."""

    def __init__(self, cpus: int | None = None, gpus: int | None = None) -> None:
        self._cpus = cpus or count_cpus()
        self._gpus = count_gpus() if gpus is None else gpus
        super().__init__(max_workers=self._cpus)
        self._slots: Slots | None = None
        self._pool: ProcessPool | None = None

    def duplicate(self) -> LocalTaskRunner:
        """Another one with the same numbers."""
        return LocalTaskRunner(self._cpus, self._gpus)

    def __exit__(self, *exc_info: Any) -> None:
        """Stop the workers, also those that are in the middle of a step."""
        if self._pool is not None:
            self._pool.stop()
            self._pool = None
        super().__exit__(*exc_info)

    async def compute(self, call: Call, listener: Listener) -> Outcome:
        """Run one step in a worker process once there are cores and GPUs free for it."""
        if self._slots is None or self._pool is None:
            self._slots = Slots(self._cpus, self._gpus)
            self._pool = ProcessPool(self._cpus)
        async with self._slots.taken(call.requirements, call.step.label) as slot:
            return await self._pool.run(call, slot, listener)


class LocalLauncher(Launcher):
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

    def task_runner(self) -> TaskRunner[Any]:
        """See `Launcher`."""
        return LocalTaskRunner(self.cpus, self.gpus)
