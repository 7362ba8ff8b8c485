"""Parts of a flow side by side, none of which is stopped because another one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from orepass.errors import ArrayError, StepError


async def together(*parts: Awaitable[Any]) -> list[Any]:
    """Await several parts of a flow at once, and all of them to the end.

    `asyncio.gather` would leave the others at the first error, and their finished work would be lost.

    Args:
        *parts: what to await.

    Returns:
        Their results in order.

    Raises:
        ArrayError: steps of several parts failed.
        Exception: one part failed, or several for other reasons than steps; then it is the first one's.
    """
    results = await asyncio.gather(*parts, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise as_one(errors)
    return results


def as_one(errors: Sequence[BaseException]) -> BaseException:
    """The errors of several parts as one: an ArrayError if there are steps among them, else the first one."""
    steps = [step for error in errors for step in _steps(error)]
    if len(errors) > 1 and steps:
        return ArrayError(f"{len(steps)} steps failed; the others are stored", steps)
    return errors[0]


def _steps(error: BaseException) -> list[StepError]:
    if isinstance(error, StepError):
        return [error]
    if isinstance(error, ArrayError):
        return [step for step in error.exceptions if isinstance(step, StepError)]
    return []
