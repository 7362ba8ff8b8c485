"""What Prefect itself logs of our runs, without what repeats itself."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from functools import cache
from weakref import WeakSet

from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console

from orepass.errors import OrepassError, StepError

in_array: ContextVar[bool] = ContextVar("orepass_in_array", default=False)
"""Whether the task run that goes on is one of an array, whose progress is shown as a whole."""
_told: WeakSet[StepError] = WeakSet()


class _InShort(logging.Filter):
    """Drops the good ends of array elements, Prefect's tracebacks of errors that say what is wrong, and repetitions."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record; say whether it is to be kept."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        message = record.getMessage()
        if isinstance(error, StepError) and record.name.startswith("prefect.task_runs"):
            record.msg, record.args, record.exc_info = str(error), (), None
            _told.add(error)
        elif was_told(error):
            return False
        elif isinstance(error, OrepassError):
            record.msg, record.args, record.exc_info = str(error).partition("\n")[0], (), None
        elif message.startswith("Finished in state Failed"):
            told_before = " encountered an exception" in message
            record.msg = "Finished in state Failed()" if told_before else message.partition("\\n")[0]
            record.args = ()
        elif message.startswith("Finished in state ") and record.levelno == logging.INFO:
            return record.name != "prefect.task_runs" or not in_array.get()
        return True


def was_told(error: BaseException | None) -> bool:
    """Whether all of an error stands in the log of a task run already."""
    return isinstance(error, StepError) and error in _told


@cache
def keep_it_short() -> None:
    """Let Prefect's loggers of runs say only what is news; once a process."""
    for name in ("prefect.task_runs", "prefect.flow_runs"):
        logging.getLogger(name).addFilter(_InShort())
    if console := prefect_console():
        console._emoji = False  # it would print `pairs:key:2` with a picture of a key


def prefect_console() -> Console | None:
    """The console that Prefect logs to; None if it logs elsewhere."""
    handlers = logging.getLogger().handlers
    return next((handler.console for handler in handlers if isinstance(handler, PrefectConsoleHandler)), None)
