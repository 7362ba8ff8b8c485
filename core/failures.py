"""The errors of steps that failed, told so that nobody has to look for the cause."""

from __future__ import annotations

from orepass.call import Failure
from orepass.errors import StepError
from orepass.step import Step


def step_error(step: Step, failure: Failure, kind: type[StepError] = StepError) -> StepError:
    """The error of a failed step: what, where, why, and the last lines of its log.

    Args:
        step: what failed.
        failure: why.
        kind: the class of the error.
    """
    element = "" if step.position is None else f" (element {step.element!r:.300})"
    job = "" if failure.job_id is None else f", job {failure.job_id}"
    lines = [f"{step.label}{element} failed on {failure.host}{job}: {failure.error}"]
    if failure.log:
        lines += ["Last lines of its log:", *(f"    {line}" for line in failure.log.splitlines())]
    if failure.log_file is not None:
        lines.append(f"Whole log: {failure.log_file}")
    lines.append("What is finished is stored; a new run computes only what is missing.")
    error = kind("\n".join(lines))
    error.__cause__ = failure.exception()
    return error
