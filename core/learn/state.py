"""Where a training is; what a checkpoint holds of it besides weights and random numbers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Mean:
    """A mean of numbers that come one by one."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        """Take one more."""
        self.total += value
        self.count += 1

    def take(self) -> float:
        """The mean, nan of nothing; what comes next counts for a new one."""
        mean = self.total / self.count if self.count else math.nan
        self.total, self.count = 0.0, 0
        return mean


@dataclass
class TrainingState:
    """Where a training is.

    Attributes:
        step: updates of the weights so far.
        epoch: epochs that are over.
        batch: batches of this epoch that were trained on, in each process.
        evaluated: the step of the last evaluation.
        best: the best metric so far; more is better.
        best_step: the step at which it was measured.
        reference: the metric that the next ones must exceed by `min_delta`.
        stale: evaluations since then.
        logged: the losses since the last line of the history.
        interval: the losses since the last evaluation.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    evaluated: int = 0
    best: float | None = None
    best_step: int = 0
    reference: float | None = None
    stale: int = 0
    logged: Mean = field(default_factory=Mean)
    interval: Mean = field(default_factory=Mean)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """Read what `as_document` made."""
        means = {name: Mean(**document[name]) for name in ("logged", "interval")}
        return cls(**{**document, **means})

    def as_document(self) -> dict[str, Any]:
        """The state in JSON values."""
        return dataclasses.asdict(self)

    def judge(self, value: float, min_delta: float) -> bool:
        """Take in a new value of the metric, of which more is better; nan counts as the worst there is.

        Returns:
            Whether it is the best so far.
        """
        self.evaluated = self.step
        value = -math.inf if math.isnan(value) else value
        if self.reference is None or value > self.reference + min_delta:
            self.reference, self.stale = value, 0
        else:
            self.stale += 1
        if self.best is not None and not value > self.best:
            return False
        self.best, self.best_step = value, self.step
        return True


def is_greater_better(name: str, given: bool | None) -> bool:
    """Whether more of a metric is better: what was given, else by its name."""
    return not name.endswith("loss") if given is None else given
