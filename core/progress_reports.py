"""Progress of long steps, from wherever they run to wherever somebody looks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock

_REPORT_EVERY_S = 0.2


@dataclass(frozen=True)
class Progress:
    """How far a step is.

    Attributes:
        what: what it is doing.
        done: how much of `total` is done.
        total: how much there is to do.
        unit: what is counted.
    """

    what: str
    done: int
    total: int
    unit: str


Listener = Callable[[Progress], None]
_listener: ContextVar[Listener | None] = ContextVar("orepass_progress", default=None)


@contextlib.contextmanager
def progress(total: int, what: str, unit: str = "items") -> Iterator[Callable[[int], None]]:
    """Report the progress of a step from inside of it.

    Args:
        total: how much there is to do.
        what: what is being done, in a few words.
        unit: what is counted.

    Yields:
        A function to call with the number of units done since the last call, from any thread. It is cheap: most
        calls report nothing.
    """
    listener = _listener.get()
    done = 0
    reported = time.monotonic()

    one_at_a_time = Lock()

    def advance(count: int = 1) -> None:
        nonlocal done, reported
        with one_at_a_time:
            done += count
            now = time.monotonic()
            if listener is not None and now - reported >= _REPORT_EVERY_S:
                reported = now
                listener(Progress(what, done, total, unit))

    yield advance
    if listener is not None and total:
        listener(Progress(what, total, total, unit))


@contextlib.contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Send what `progress` reports to a listener for the time being."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
