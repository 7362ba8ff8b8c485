"""A search's memory: an Optuna study in a journal in the store's folder, which several processes may share.

It knows which values were drawn and what came of them; the results themselves are in the store. A trial is told only
when it has a metric: one that was running when its process was killed, or that failed, stays open, and the next run
takes it up again with the same values. So two processes may work on the same trial; the store lets one of them compute.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from orepass.errors import StoreError
from orepass.runnables.search_choices import all_of, as_json, distribution, suggest, value_of
from orepass.runnables.search_journal import open_journal
from orepass.runnables.search_options import SearchOptions
from orepass.runnables.search_spaces import Space
from orepass.runnables.tree import Node

_FAMILY, _KNOWN, _ERROR = "family", "known", "error"


def digest(*parts: Any) -> str:
    """A name for what JSON values say."""
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=20).hexdigest()


def study_in(journal: Path, name: str, first_rung: int, factor: int) -> optuna.Study:
    """A study that is there, as one of its trials needs it.

    Raises:
        StoreError: see `open_journal`; or it is there no more.
    """
    pruner = optuna.pruners.SuccessiveHalvingPruner(first_rung, factor)
    storage = open_journal(journal)
    try:
        return optuna.load_study(study_name=name, storage=storage, pruner=pruner)
    except KeyError:
        raise StoreError(
            f"The search of this trial is no longer in the journal {journal}, which was removed meanwhile. Run the "
            "search again."
        ) from None


def is_pruned(study: optuna.Study, number: int, rung: int, metric: float) -> bool:
    """Note what a trial came to at a rung that is not the last one, and decide whether it ends there."""
    trial = study.get_trials(deepcopy=False)[number]
    if trial.state.is_finished():
        return trial.state == TrialState.PRUNED and trial.last_step == rung
    if trial.last_step is not None and rung < trial.last_step:
        return False
    open_trial = optuna.Trial(study, trial._trial_id)
    if rung not in trial.intermediate_values:
        open_trial.report(metric, rung)
    if not open_trial.should_prune():
        return False
    study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
    return True


class SearchStudy:
    """The trials of one search, or of one bracket of it.

    Args:
        storage: the journal.
        found: the search spaces by path.
        options: of the search.
        family: what is the same in searches whose trials this one may know.
        rungs: how much trials get one after the other; none without a budget.
        trials: how many there are to be.
    """

    def __init__(
        self,
        storage: BaseStorage,
        found: Mapping[str, Space],
        options: SearchOptions,
        family: str,
        rungs: Sequence[int],
        trials: int | None,
    ) -> None:
        self.rungs = rungs
        self._found = found
        self._options = options
        self._distributions = {path: distribution(space) for path, space in found.items()}
        ranges = {path: optuna.distributions.distribution_to_json(d) for path, d in self._distributions.items()}
        self.name = digest(family, ranges)
        self._study = self._opened(storage, family)
        self._grid = list(itertools.product(*map(all_of, found.values()))) if options.algorithm == "grid" else []
        self.count = len(self._grid) if trials is None else trials

    def _opened(self, storage: BaseStorage, family: str) -> optuna.Study:
        budget = self._options.budget
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if budget is not None and self.rungs:
            pruner = optuna.pruners.SuccessiveHalvingPruner(self.rungs[0], budget.factor)
        options: dict[str, Any] = {"storage": storage, "study_name": self.name, "pruner": pruner}
        try:
            study = optuna.create_study(
                direction=optuna.study.StudyDirection[self._options.direction.upper()], **options
            )
        except optuna.exceptions.DuplicatedStudyError:
            return optuna.load_study(**options)
        study.set_user_attr(_FAMILY, family)
        if self._options.algorithm in ("random", "tpe"):
            self._learn_of_others(study, storage, family)
        return study

    def _learn_of_others(self, study: optuna.Study, storage: BaseStorage, family: str) -> None:
        """Take over the trials of searches over other ranges, as far as they lie in these."""
        met = set()
        for other in storage.get_all_studies():
            if other.study_name == self.name or other.user_attrs.get(_FAMILY) != family:
                continue
            loaded = optuna.load_study(study_name=other.study_name, storage=storage)
            for trial in loaded.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
                try:
                    params = {path: trial.params[path] for path in self._found}
                    known = optuna.trial.create_trial(
                        params=params,
                        distributions=self._distributions,
                        value=trial.value,
                        user_attrs={_KNOWN: True},
                    )
                except (KeyError, ValueError, TypeError):
                    continue  # of another kind, or out of these ranges
                if digest(params) not in met:
                    met.add(digest(params))
                    study.add_trial(known)

    def there(self) -> Iterator[tuple[int | None, int]]:
        """Trials that belong to this search: index, None for those of others; and number in the study."""
        index = 0
        for trial in self._study.get_trials(deepcopy=False):
            if _KNOWN in trial.user_attrs:
                yield None, trial.number
                continue
            if index < self.count:
                yield index, trial.number
            index += 1

    def ask(self) -> None:
        """Have one trial more."""
        self._study.ask()

    def values(self, index: int | None, number: int) -> tuple[dict[str, Node], dict[str, Any]]:
        """The values of a trial, for a tree and as JSON; drawn now, if that has not been done.

        What is drawn at random follows from the seed and the index alone.
        """
        trial = self._trial(number)
        if trial.params.keys() == self._found.keys():
            drawn = trial.params
        else:
            self._study.sampler = self._sampler(index or 0)
            open_trial = optuna.Trial(self._study, trial._trial_id)
            drawn = {path: suggest(open_trial, path, space) for path, space in self._distributions.items()}
        return {path: value_of(space, drawn[path]) for path, space in self._found.items()}, as_json(self._found, drawn)

    def is_pruned(self, number: int, rung: int, metric: float) -> bool:
        """See the function of this name."""
        return is_pruned(self._study, number, rung, metric)

    def complete(self, number: int, metric: float) -> None:
        """Tell how good a trial is; what was told once stays."""
        self._study.tell(number, metric, skip_if_finished=True)

    def fail(self, number: int, error: str) -> None:
        """Note why a trial failed; it stays open."""
        trial = self._trial(number)
        if not trial.state.is_finished():
            optuna.Trial(self._study, trial._trial_id).set_user_attr(_ERROR, error)

    def _trial(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]

    def _sampler(self, index: int) -> BaseSampler:
        if self._options.algorithm == "grid":
            return _Given(dict(zip(self._found, self._grid[index], strict=True)))
        seed = int(digest(self._options.seed, index, self.rungs)[:8], 16)
        if self._options.algorithm == "tpe":
            return TPESampler(seed=seed, constant_liar=True)
        return RandomSampler(seed=seed)


class _Given(BaseSampler):
    """Draws what it was given."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        return self._values[param_name]
