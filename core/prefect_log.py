"""What Prefect itself logs of our runs, without what repeats itself."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from functools import cache

from orepass.errors import OrepassError, StepError

in_array: ContextVar[bool] = ContextVar("orepass_in_array", default=False)
"""Whether the task run that goes on is one of an array, whose progress is shown as a whole."""


class _InShort(logging.Filter):
    """Drops the good ends of array elements, and Prefect's traceback of an error whose message says what is wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record; say whether it is to be kept."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        message = record.getMessage()
        if isinstance(error, StepError) and record.name.startswith("prefect.task_runs"):
            record.msg, record.args, record.exc_info = str(error), (), None
        elif isinstance(error, OrepassError):
            record.msg, record.args, record.exc_info = str(error).partition("\n")[0], (), None
        elif message.startswith("Finished in state Failed"):
            record.msg, record.args = message.partition("\\n")[0], ()  # it repeats what was reported before
        elif message.startswith("Finished in state ") and record.levelno == logging.INFO:
            return record.name != "prefect.task_runs" or not in_array.get()
        return True


@cache
def keep_it_short() -> None:
    """Let Prefect's loggers of runs say only what is news; once a process."""
    for name in ("prefect.task_runs", "prefect.flow_runs"):
        logging.getLogger(name).addFilter(_InShort())
