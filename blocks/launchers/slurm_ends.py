"""How a step ended, as Slurm states it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from orepass.blocks.launchers.orders import Ended
from orepass.blocks.slurm_jobs import Cause, how_it_ended
from orepass.call import Outcome
from orepass.errors import SlurmError, StepError, StepKilled, StepOutOfMemory, StepPreempted, StepTimeout

_KINDS: dict[Cause, type[StepError]] = {
    Cause.TIME: StepTimeout,
    Cause.MEMORY: StepOutOfMemory,
    Cause.PREEMPTED: StepPreempted,
    Cause.DIED: StepKilled,
}
# A job that is being ended is seen as such by Slurm within this time. One whose step merely died goes on.
_NOTICED_WITHIN_S = 15.0
_NOTICED_AFTER_DEATH_S = 3.0


async def explained(running: Awaitable[Outcome]) -> Outcome:
    """The outcome; a step's end without one is told with the cause that Slurm states."""
    try:
        return await running
    except Ended as end:
        raise await asyncio.to_thread(_with_cause, end) from None


def _with_cause(end: Ended) -> Ended:
    """The end of a step with what Slurm says of its job, if the job has ended, too."""
    if end.job is None or end.kind is not StepKilled:
        return end
    try:
        within_s = _NOTICED_WITHIN_S if end.worker_lost else _NOTICED_AFTER_DEATH_S
        job = how_it_ended(end.job, end.restarts, within_s)
    except SlurmError as error:
        return Ended(end.kind, f"{end.why}; {error}", end.log, end.host, end.job)
    if not job.ended and job.restarts <= end.restarts:
        return end
    why = f"Slurm says of its job: {job.describe(end.restarts)} ({end.why})"
    return Ended(_KINDS[job.cause(end.restarts)], why, end.log, job.node or end.host, end.job)
