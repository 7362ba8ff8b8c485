"""The `debug` launcher: everything in the flow's own process, one step at a time, so that a debugger works."""

from __future__ import annotations

from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from orepass.attempts import RetryPolicy
from orepass.blocks.launchers._base import Launcher
from orepass.blocks.launchers.slots import count_gpus
from orepass.call import Call, Listener, Outcome
from orepass.requirements import Requirements
from orepass.work import perform


class DebugTaskRunner(ThreadPoolTaskRunner[Any]):
    """Runs scheduled steps in the thread of the flow's event loop; requirements and timeouts are not enforced."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def duplicate(self) -> DebugTaskRunner:
        """A fresh one."""
        return DebugTaskRunner()

    def policy_for(self, needs: Requirements) -> RetryPolicy:
        """See `Workers`: nothing here can be killed."""
        return RetryPolicy()

    async def compute(self, call: Call, listener: Listener) -> Outcome:
        """Run one step here and now: a breakpoint in it stops the whole flow."""
        return perform(call, listener)


class DebugLauncher(Launcher):
    """In the flow's own process, one step at a time, so that a debugger works."""

    _block_type_name = "orepass debug launcher"

    def gpus_at_most(self) -> int:
        """See `Launcher`."""
        return count_gpus()

    def task_runner(self) -> TaskRunner[Any]:
        """See `Launcher`."""
        return DebugTaskRunner()
