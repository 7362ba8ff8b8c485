"""A module that Prefect runs itself: by `submit`, `map` or a direct call in a flow."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from prefect.context import TaskRunContext

from orepass.call import Call
from orepass.claims import Claim, Owner, try_claim
from orepass.failures import step_error
from orepass.in_use import announce
from orepass.key import NO_ELEMENT
from orepass.requirements import Requirements
from orepass.run_environment import sent_along
from orepass.step import Hit, Step, make_steps
from orepass.store import current_store
from orepass.work import perform

if TYPE_CHECKING:
    from orepass.modules import Module

logger = logging.getLogger(__name__)
_LOOK_AGAIN_S = 0.5


def step_of(module: Module[..., Any], config: Any, element: Any = NO_ELEMENT) -> Step:
    """The step that calling a module with these arguments stands for, announced so that it can be looked up."""
    # Prefect calls with all parameters: those that were not given come with their defaults.
    over = None if element is NO_ELEMENT or element is module.default_element else [element]
    store, names = current_store(), set[str]()
    step = next(make_steps(module, module.typed(config), over, store, inputs=names))
    names.add(step.entry.name)
    while (pruner := announce(store.layout, names)) is not None:
        logger.info("%s: waiting for %s, which prunes the store.", step.label, pruner)
        time.sleep(_LOOK_AGAIN_S)
    return step


def run_submitted(module: Module[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Compute a step in this process and store it, unless the store has it by now.

    Raises:
        StepError: the step failed.
    """
    return _wait_or_compute(step_of(module, *args, **kwargs)).result


def _wait_or_compute(step: Step) -> Hit:
    waiting_for: Owner | None = None
    while isinstance(claim := claim_of(step), Owner):
        if claim != waiting_for:
            logger.info("%s: waiting for %s, which computes it.", step.label, claim)
            waiting_for = claim
        time.sleep(_LOOK_AGAIN_S)
    try:
        if hit := step.look_up():
            return hit
        outcome = perform(call_of(step))
        if outcome.failure is not None:
            raise step_error(step, outcome.failure)
        return step.stored()
    finally:
        claim.release()


def claim_of(step: Step) -> Claim | Owner:
    """The claim on a step's result, or the owner of the one that stands in the way.

    Raises:
        StoreError: the store cannot be written.
    """
    try:
        return try_claim(step.entry.claim)
    except OSError as error:
        raise step.store.failure(f"claim {step.entry.name}", error) from error


def call_of(step: Step, needs: Requirements | None = None) -> Call:
    """A step as it goes to a worker, with a name for its folder and the run it belongs to.

    Args:
        step: what to compute.
        needs: what it needs this time; if not given, what its module says.
    """
    run = TaskRunContext.get()
    task_run = run.task_run if run else None
    return Call(
        step=step,
        partial=step.store.layout.new_partial(),
        requirements=needs or step.module.requirements(step.config),
        flow_run_id=str(task_run.flow_run_id) if task_run and task_run.flow_run_id else None,
        task_run_id=str(task_run.id) if task_run else None,
        variables=sent_along(),
    )
