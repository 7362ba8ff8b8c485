"""Where steps are computed: what `schedule` asks of the task runner that its flow runs with."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

from prefect.context import FlowRunContext

from orepass.attempts import RetryPolicy
from orepass.call import Call, Listener, LogLine, Outcome
from orepass.progress_reports import Progress
from orepass.requirements import Requirements
from orepass.work import perform

_given_up: ContextVar[threading.Event | None] = ContextVar("orepass_given_up", default=None)


@runtime_checkable
class Workers(Protocol):
    """What a launcher's task runner is, beside a Prefect `TaskRunner`.

    `compute` runs `orepass.work.perform(call, listener)` somewhere and awaits it. It waits until the requirements of
    the call can be met, honours its timeout, and returns an `Outcome`. A process that dies is no `Outcome`: it raises
    `StepKilled` or one of its kinds, a step past its timeout `StepTimeout`; both end with the step's log. A
    requirement that can never be met raises `ConfigError` at once. The listener is called in the flow's event loop.

    `policy_for` says when `schedule` is to start such a step again.
    """

    def policy_for(self, needs: Requirements) -> RetryPolicy:
        """When steps with these requirements are started again."""
        ...

    async def compute(self, call: Call, listener: Listener) -> Outcome:
        """Run one step."""
        ...


class Threads:
    """Workers for flows that run with a task runner of Prefect's own: threads of the flow's process."""

    def policy_for(self, needs: Requirements) -> RetryPolicy:
        """Never: a thread cannot be killed."""
        return RetryPolicy()

    async def compute(self, call: Call, listener: Listener) -> Outcome:
        """Run one step in a thread; requirements and timeouts have no meaning there."""
        loop = asyncio.get_running_loop()
        end = threading.Event()
        token = _given_up.set(end)
        try:
            return await asyncio.to_thread(perform, call, lambda event: _tell(loop, listener, event))
        finally:
            _given_up.reset(token)
            end.set()


def given_up() -> threading.Event:
    """Is set when nobody waits for the step any more that runs here: a thread cannot be killed, but it can look."""
    return _given_up.get() or threading.Event()


def _tell(loop: asyncio.AbstractEventLoop, listener: Listener, event: Progress | LogLine) -> None:
    loop.call_soon_threadsafe(listener, event)


def current_workers() -> Workers:
    """The workers of the flow that is running; threads, if its task runner has none or there is no flow."""
    context = FlowRunContext.get()
    runner = context.task_runner if context else None
    return runner if isinstance(runner, Workers) else Threads()
