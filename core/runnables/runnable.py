"""What a Runnable is: any object with a method `run`. There is no base class."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from orepass.errors import ConfigError


@runtime_checkable
class Runnable(Protocol):
    """An object with a method `run`.

    A Runnable that can be searched over has a method `metric(self) -> float` too, which says how good it is after it
    has run; higher is better.
    """

    def run(self) -> bool | None:
        """Do all of it, or one step: True asks to be called again, anything else means that it is done."""


def run_to_end(runnable: Any, ends: Callable[[int], bool] | None = None) -> int:
    """Call `run` as long as it returns True.

    Args:
        runnable: the object to run.
        ends: asked between steps, with the number of steps done, whether that is all.

    Returns:
        The number of steps.

    Raises:
        ConfigError: the object has no method `run` that can be called without arguments.
    """
    run = _run_of(runnable)
    steps = 1
    while run() is True:  # exactly: an object that happens to be true is a result, not a wish to go on
        if ends is not None and ends(steps):
            break
        steps += 1
    return steps


def _run_of(runnable: Any) -> Callable[[], object]:
    if isinstance(runnable, type):
        raise ConfigError(f"{runnable.__qualname__} is a class, not a Runnable. Make an object of it first.")
    run: Callable[[], object] | None = getattr(runnable, "run", None)
    if not callable(run):
        raise ConfigError(f"An object of type {type(runnable).__qualname__} is no Runnable: give it a method run().")
    if inspect.iscoroutinefunction(run):
        raise ConfigError(f"{type(runnable).__qualname__}.run is a coroutine function. Make it a plain method.")
    return run
