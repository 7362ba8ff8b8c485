"""What `Module.schedule` does: keys, look-up, and task runs for what is missing."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.loggers import get_run_logger

from orepass.attempts import Attempts
from orepass.board import StepProgress
from orepass.call import Listener, LogLine, Outcome
from orepass.claims import Claim, Owner
from orepass.errors import ArrayError, StepError, StoreError
from orepass.explain import explain_miss
from orepass.failures import step_error
from orepass.in_use import announce
from orepass.prefect_log import in_array, keep_it_short
from orepass.progress_reports import Progress
from orepass.report import StepReport, run_report
from orepass.step import Hit, Step, make_steps
from orepass.store import Store, current_store
from orepass.submitted import call_of, claim_of
from orepass.task_runs import completed, run_task, task_of
from orepass.workers import current_workers

if TYPE_CHECKING:
    from orepass.modules import Module

logger = logging.getLogger(__name__)

# A task run costs the server some 10 ms of processor time, so longer arrays share one among several elements.
_TASK_RUNS_AT_MOST = 1000
_WAIT_S = (0.1, 2.0)


@dataclass
class _Work:
    """Steps that one task run takes care of, and what comes of them."""

    steps: list[Step]
    hits: dict[int, Hit] = field(default_factory=dict)
    errors: list[StepError] = field(default_factory=list)
    computed: set[int] = field(default_factory=set)
    # Kept over Prefect's own retries, which then begin with the memory and the time that were found to be needed.
    attempts: dict[int, Attempts] = field(default_factory=dict)
    on_result: Callable[[], None] = lambda: None

    @property
    def label(self) -> str:
        first, last = self.steps[0], self.steps[-1]
        return first.label if first is last else f"{first.label.rstrip(']')}-{last.position}]"


async def schedule(module: Module[..., Any], config: Any, over: Sequence[Any] | None, label: str) -> Any:
    """See `Module.schedule`."""
    keep_it_short()
    begun = time.perf_counter()
    config = module.typed(config)
    store = current_store()
    steps = await _announced_steps(module, config, over, store, label)
    if over is None:
        works = [_Work(steps)]
        await _run(module, works)
    else:
        found = await asyncio.to_thread(lambda: [step.look_up() for step in steps])
        works = await _compute_missing(module, steps, found)
    hits = {position: hit for work in works for position, hit in work.hits.items()}
    errors = [error for work in works for error in work.errors]
    await _report(label, works, hits, errors, time.perf_counter() - begun)
    if errors and over is None:
        raise errors[0]
    if errors:
        raise ArrayError(f"{label}: {len(errors)} of {len(steps)} elements failed; the others are stored", errors)
    results = [hits[step.position or 0].result for step in steps]
    return results[0] if over is None else results


async def _announced_steps(
    module: Module[..., Any], config: Any, over: Sequence[Any] | None, store: Store, label: str
) -> list[Step]:
    """The steps; from now on nobody prunes their results, nor those that they read files of."""
    names: set[str] = set()

    def make() -> tuple[list[Step], Owner | None]:
        steps = list(make_steps(module, config, over, store, label, names))
        names.update(step.entry.name for step in steps)
        return steps, announce(store.layout, names)

    steps, pruner = await asyncio.to_thread(make)
    while pruner is not None:
        _log().info("%s: waiting for %s, which prunes the store", label, pruner)
        await asyncio.sleep(_WAIT_S[1])
        pruner = await asyncio.to_thread(announce, store.layout, names)
    return steps


async def _compute_missing(module: Module[..., Any], steps: list[Step], found: list[Hit | None]) -> list[_Work]:
    cached = _Work(steps, {i: hit for i, hit in enumerate(found) if hit is not None})
    # The same element twice is one result; the second waits in the same task run for the first.
    missing = [step for step, hit in zip(steps, found, strict=True) if hit is None]
    if steps:
        _log().info(
            "%s: found %d already cached array results, %d left to compute out of %d",
            steps[0].name, len(cached.hits), len(missing), len(steps),
        )  # fmt: skip
    if not missing:
        return [cached]
    _log().info("%s: %s", missing[0].label, await asyncio.to_thread(explain_miss, missing[0]))
    size = math.ceil(len(missing) / _TASK_RUNS_AT_MOST)
    shown = StepProgress(steps[0].name, _StepLog(steps[0].name))
    done = 0

    def show() -> None:
        nonlocal done
        done += 1
        shown.show(Progress("computed", done, len(missing), "elements"))

    here = contextvars.copy_context()  # of the flow run, to which the progress belongs
    works = [_Work(missing[i : i + size], on_result=lambda: here.run(show)) for i in range(0, len(missing), size)]
    token = in_array.set(True)
    try:
        await _run(module, works)
    finally:
        in_array.reset(token)
        await shown.close()
    return [cached, *works]


async def _run(module: Module[..., Any], works: list[_Work]) -> None:
    """Make the task runs; outside of a flow do the same without them."""
    if FlowRunContext.get() is None:
        for outcome in await asyncio.gather(*(_drive(work) for work in works), return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, (StepError, ArrayError)):
                raise outcome
        return
    task = task_of(module, _drive)
    states = await asyncio.gather(*(run_task(task, work.label, work) for work in works))
    for work, state in zip(works, states, strict=True):
        if not work.errors and len(work.hits) < len(work.steps):
            await state.aresult()
            raise StoreError(f"{work.label} ended as {state.name}, but its result was not stored.")


async def _drive(work: _Work) -> State[Any]:
    """Get all results of a work; the state says whether they were there already.

    Raises:
        StepError: a step failed; if there are several steps, an ArrayError of them.
    """
    work.errors.clear()
    missing = [step for step in work.steps if (step.position or 0) not in work.hits]
    others = await asyncio.gather(*(_get(step, work) for step in missing), return_exceptions=True)
    for other in others:
        if isinstance(other, BaseException):
            raise other  # no step's own failure, such as a store that is full: the siblings have ended all the same
    if work.errors:
        raise work.errors[0] if len(work.steps) == 1 else ArrayError(f"{work.label} failed", work.errors)
    return completed(cached=not work.computed)


async def _get(step: Step, work: _Work) -> None:
    """Get the result of a step: out of the store, from another run that computes it, or computed here."""
    log, wait = _StepLog(step.label), _WAIT_S[0]
    waiting_for: Owner | None = None
    try:
        if step.position is None and (hit := await asyncio.to_thread(step.look_up)):
            log.info("done from cache")
            work.hits[0] = hit
            return
        while isinstance(claim := await _try_claim(step), Owner):
            if claim != waiting_for:
                log.info("waiting for %s, which computes it", claim)
                waiting_for = claim
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, _WAIT_S[1])
        try:
            # Another run may have finished between our look and our claim.
            work.hits[step.position or 0] = step.look_up() or await _compute(step, work)
            work.on_result()
        finally:
            await asyncio.to_thread(claim.release)
    except StepError as error:
        work.errors.append(error)


async def _try_claim(step: Step) -> Claim | Owner:
    """Claim in a thread, because a file system that is busy syncing outputs answers late; never lose the claim."""
    trying = asyncio.ensure_future(asyncio.to_thread(claim_of, step))
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        claim = await trying
        if isinstance(claim, Claim):
            claim.release()
        raise


async def _compute(step: Step, work: _Work) -> Hit:
    log = _StepLog(step.label)
    if step.position is None:
        log.info("%s", await asyncio.to_thread(explain_miss, step))
    shown = StepProgress(step.label, log)

    def listen(event: Progress | LogLine) -> None:
        if isinstance(event, Progress):
            shown.show(event)
        else:
            log.log(event.level, "%s", event.message)

    # Workers call back from threads of their own, which know nothing of this run.
    here = contextvars.copy_context()
    try:
        outcome = await _attempt(step, work, log, lambda event: here.run(listen, event))
    except StepError as error:  # it was killed, so it could not keep its own log
        first = str(error).partition("\n")[0]
        await asyncio.to_thread(step.store.note_failure, step.entry, f"{error}\n{type(error).__name__}: {first}\n")
        raise
    finally:
        await shown.close()
    if outcome.failure is not None:
        raise step_error(step, outcome.failure)
    hit = step.stored()
    work.computed.add(step.position or 0)
    return hit


async def _attempt(step: Step, work: _Work, log: _StepLog, listener: Listener) -> Outcome:
    """Let the workers compute a step, as often as the launcher's policy says."""
    workers = current_workers()
    needs = step.module.requirements(step.config)
    fresh = Attempts(workers.policy_for(needs), needs)
    attempts = work.attempts.setdefault(step.position or 0, fresh)
    while True:
        try:
            return await workers.compute(call_of(step, attempts.needs), listener)
        except StepError as error:
            again = attempts.again(error)
            if again is None:
                raise attempts.last_words(error) from None
            log.warning("%s - %s", str(error).partition("\n")[0], again)


async def _report(
    label: str,
    works: list[_Work],
    hits: dict[int, Hit],
    errors: list[StepError],
    seconds: float,
) -> None:
    computed = set().union(*(work.computed for work in works))
    saved = sum(hit.record.seconds for position, hit in hits.items() if position not in computed)
    report = run_report()
    report.add(
        StepReport(
            step=label,
            cached=len(hits) - len(computed),
            computed=len(computed),
            failed=len(errors),
            seconds=seconds,
            saved_seconds=saved,
        )
    )
    if FlowRunContext.get() is not None:
        await report.publish()


def _log() -> Any:
    """The logger of the Prefect run that is going on, so that its lines are in the UI; else our own."""
    in_run = FlowRunContext.get() is not None or TaskRunContext.get() is not None
    return get_run_logger() if in_run else logger


class _StepLog(logging.LoggerAdapter[Any]):
    """The log of a step or of an array; names it where Prefect's own prefix, the task run's name, does not."""

    def __init__(self, label: str) -> None:
        super().__init__(_log())
        run = TaskRunContext.get()
        self._prefix = "" if run is not None and run.task_run.name == label else f"{label}: "

    def process(self, msg: str, kwargs: Any) -> tuple[str, Any]:
        """Put the step's name in front."""
        return self._prefix + msg, kwargs
