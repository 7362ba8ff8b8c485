"""The errors of steps that failed, told so that nobody has to look for the cause."""

from __future__ import annotations

import logging
from functools import cache

from orepass.call import Failure
from orepass.errors import OrepassError, StepError
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


class _InShort(logging.Filter):
    """Takes Prefect's own traceback off the report of an error whose message says what is wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record; keep all of them."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, StepError) and record.name.startswith("prefect.task_runs"):
            record.msg, record.args, record.exc_info = str(error), (), None
        elif isinstance(error, OrepassError):
            record.msg, record.args, record.exc_info = str(error).partition("\n")[0], (), None
        elif (message := record.getMessage()).startswith("Finished in state Failed"):
            record.msg, record.args = message.partition("\\n")[0], ()  # it repeats what was reported before
        return True


@cache
def report_failures_in_short() -> None:
    """Let Prefect's loggers report failed steps by their messages; once a process."""
    for name in ("prefect.task_runs", "prefect.flow_runs"):
        logging.getLogger(name).addFilter(_InShort())
