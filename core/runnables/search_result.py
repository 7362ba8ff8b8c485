"""What came of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orepass.runnables.tree import Node

COMPLETE, FAILED, PRUNED = "complete", "failed", "pruned"


@dataclass(frozen=True)
class Trial:
    """One configuration that was tried.

    Attributes:
        number: from 0; those that were found of an earlier search over other ranges come last.
        params: the values of the search spaces by path, as JSON.
        metric: what it came to; None if it failed.
        state: `complete`, `failed` or `pruned` (it was not good enough to get more of the budget).
        error: why it failed.
        folder: what its run wrote; None if it failed.
        tree: what was built, with the values in it, and the budget.
        budget: how much of it the trial has had; None without one.
    """

    number: int
    params: Mapping[str, Any]
    metric: float | None
    state: str
    error: str | None
    folder: Path | None
    tree: Node
    budget: int | None = None


@dataclass(frozen=True)
class SearchResult:
    """What came of a search.

    Attributes:
        trials: all of them by number, at least one of which did not fail.
        direction: `maximize` or `minimize`.
    """

    trials: tuple[Trial, ...]
    direction: str = "maximize"

    @property
    def best(self) -> Trial:
        """The first of those with the best metric, among those with the whole budget."""
        return self.ranked[0]

    @property
    def ranked(self) -> Sequence[Trial]:
        """Those that did not fail, best first; of two, the one that has had more of the budget is the better one."""
        return ranked(self.trials, self.direction)


def ranked(trials: Sequence[Trial], direction: str) -> list[Trial]:
    """See `SearchResult.ranked`."""
    sign = -1.0 if direction == "maximize" else 1.0
    scored = [(trial.metric, trial) for trial in trials if trial.metric is not None]
    order = sorted(scored, key=lambda pair: (-(pair[1].budget or 0), sign * pair[0], pair[1].number))
    return [trial for _, trial in order]
