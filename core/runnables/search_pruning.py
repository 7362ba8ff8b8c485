"""Ending a trial between two of its steps: decided where it runs, by what the search's journal knows of the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from orepass.config import Config


@dataclass(frozen=True)
class Pruning(Config):
    """What decides when a trial ends early.

    Attributes:
        study: the name of the study that the trial is of; stands for all that the search is over.
        rungs: the numbers of steps after which the trial is compared with the others; after the last one it is not.
        factor: about one of so many goes on at each.
        journal: where the study is.
        number: of the trial in the study.
    """

    study: str
    rungs: tuple[int, ...]
    factor: int
    journal: str
    number: int

    def ends(self, steps: int, metric: float | None) -> bool:
        """Note what the trial has come to after so many steps, and decide whether it ends there.

        Raises:
            StoreError: the journal cannot be read or written.
        """
        if steps not in self.rungs[:-1] or metric is None or not math.isfinite(metric):
            return False
        from orepass.runnables.search_study import is_pruned, study_in  # with Optuna, which takes a second to import

        study = study_in(Path(self.journal), self.study, self.rungs[0], self.factor)
        return is_pruned(study, self.number, steps, metric)
