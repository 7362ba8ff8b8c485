"""What a step logs and prints, into its log file and on to the flow."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from orepass.call import Listener, LogLine
from orepass.step_folder import current_workdir

_speaking: Counter[str] = Counter()
_counting = threading.Lock()


class _Forwarding(logging.Handler):
    """Passes log records on to the flow."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(logging.INFO)
        self._listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        """Handle one record."""
        self._listener(LogLine(record.levelno, record.getMessage()))


@contextlib.contextmanager
def log_captured(path: Path, listener: Listener | None, own_process: bool) -> Iterator[None]:
    """Write the step's log lines to its log file; in a process of its own also all it prints.

    In the flow's own process the lines reach the terminal by themselves, so only another process passes them on.
    """
    file = logging.FileHandler(path, delay=True)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handlers: list[logging.Handler] = [file]
    root = logging.getLogger()
    others, level = root.handlers[:], root.level
    if own_process:
        root.setLevel(logging.INFO)
        # What others print would be in the log a second time.
        root.handlers.clear()
        if listener is not None:
            handlers.append(_Forwarding(listener))
    else:
        file.addFilter(lambda _: current_workdir() == path.parent)
    for handler in handlers:
        root.addHandler(handler)
    try:
        with _output_redirected(path) if own_process else contextlib.nullcontext():
            yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        if own_process:
            root.handlers[:] = others
            root.setLevel(level)


@contextlib.contextmanager
def let_speak(names: Iterable[str]) -> Iterator[None]:
    """Let INFO lines of these loggers through for the time being, unless somebody has set another level.

    Steps may run side by side in a process; the last of them gives the level back.
    """
    raised = [name for name in names if _raise(logging.getLogger(name))]
    try:
        yield
    finally:
        for name in raised:
            _give_back(logging.getLogger(name))


def _raise(logger: logging.Logger) -> bool:
    with _counting:
        # Also where it hears INFO by a parent: that may be another step's doing, which ends before.
        free = logger.level == logging.NOTSET and logger.getEffectiveLevel() >= logging.INFO
        if not free and not _speaking[logger.name]:
            return False
        if free:
            logger.setLevel(logging.INFO)
        _speaking[logger.name] += 1
        return True


def _give_back(logger: logging.Logger) -> None:
    with _counting:
        _speaking[logger.name] -= 1
        if not _speaking[logger.name] and logger.level == logging.INFO:
            logger.setLevel(logging.NOTSET)


@contextlib.contextmanager
def _output_redirected(path: Path) -> Iterator[None]:
    """Send this process's standard output and error to a file, also what C code writes and a crash leaves."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for descriptor in (target, *saved):
            os.close(descriptor)
