"""The loop of a search: draw values, run trials side by side, tell what came of them."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from orepass.errors import ArrayError, ConfigError, OrepassError, StepError, StoreError
from orepass.prefect_log import was_told
from orepass.runnables.as_module import RunnableResult
from orepass.runnables.json_form import to_json
from orepass.runnables.search_journal import open_journal
from orepass.runnables.search_options import PARALLEL, Budget, SearchOptions, check_search
from orepass.runnables.search_pruning import Pruning
from orepass.runnables.search_result import COMPLETE, FAILED, PRUNED, SearchResult, Trial
from orepass.runnables.search_study import SearchStudy, digest
from orepass.runnables.tree import Node
from orepass.runnables.walking import with_values
from orepass.side_by_side import together
from orepass.store import current_store

logger = logging.getLogger(__name__)

T = TypeVar("T")
RunTrial = Callable[[Node, str, Pruning | None], Awaitable[RunnableResult]]
_SHOWN = 3


async def run_search(tree: Node, options: SearchOptions, run_trial: RunTrial, *, key: str) -> SearchResult:
    """Search for the values with the best metric.

    The values that were drawn are kept in the store, beside the results. So a search that is repeated, or goes on
    after it was killed, has the same trials; and one over other ranges knows the trials that lie in them.

    Args:
        tree: has search spaces in it.
        options: how to go about it.
        run_trial: runs a tree without search spaces, under a label, and tells it when to end early; an OrepassError
            means that the trial failed, but a ConfigError or StoreError ends the search.
        key: stands for all that decides what trials come to beside the tree, such as the files of a script.

    Returns:
        All trials, at least one of which has a metric.

    Raises:
        ConfigError: the search cannot be made, or what is run has no metric.
        ArrayError: all trials failed; has the first errors.
    """
    check_search(tree, options)
    journal = current_store().layout.searches / f"{digest(key)}.journal"
    search = await asyncio.to_thread(_opened, tree, options, journal)
    runner = _Runner(tree, options, run_trial, search, journal)
    workers = options.parallel or PARALLEL[options.algorithm]
    await together(*(runner.work() for _ in range(min(workers, runner.total + 1))))
    result = SearchResult(runner.trials(), options.direction)
    if not result.ranked:
        first = [runner.errors[trial.number] for trial in result.trials[:_SHOWN]]
        count = len(result.trials)
        about = (
            "The only trial failed; its error is" if count == 1 else f"All {count} trials failed; the first errors are"
        )
        raise ArrayError(about, first)
    return result


def _opened(tree: Node, options: SearchOptions, journal: Path) -> list[SearchStudy]:
    found = check_search(tree, options)
    storage = open_journal(journal)
    skeleton = to_json(with_values(tree, dict.fromkeys(found)))
    budget = options.budget
    rungs = budget.rungs if budget else ()
    identity = [skeleton, options.algorithm, options.seed, options.direction, budget and budget.argument]
    if options.algorithm != "hyperband":
        family = digest(*identity, rungs)
        return [SearchStudy(storage, found, options, family, rungs, options.trials)]
    # A bracket is a search by halving of its own, which begins the later, the fewer trials it has.
    counts = _bracket_sizes(options.trials or 0, len(rungs), budget.factor if budget else 2)
    return [
        SearchStudy(storage, found, options, digest(*identity, rungs[start:]), rungs[start:], count)
        for start, count in enumerate(counts)
        if count
    ]


def _bracket_sizes(trials: int, brackets: int, factor: int) -> list[int]:
    """How many trials each bracket has, in the proportions of Algorithm 1 of Li et al., 2018."""
    shares = [math.ceil(brackets * factor**s / (s + 1)) for s in reversed(range(brackets))]
    ends = [round(trials * sum(shares[: i + 1]) / sum(shares)) for i in range(brackets)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True)
class _Open:
    """A trial that is to be run."""

    study: SearchStudy
    index: int | None
    number_in_study: int
    number: int


class _Runner:
    def __init__(
        self, tree: Node, options: SearchOptions, run_trial: RunTrial, studies: list[SearchStudy], journal: Path
    ) -> None:
        self._journal = str(journal)
        self._tree = tree
        self._options = options
        self._run_trial = run_trial
        self._studies = studies
        self._taken: set[tuple[SearchStudy, int]] = set()
        self._done: list[Trial] = []
        self._memory = asyncio.Lock()  # a study is used by one at a time
        self._stopped = False
        self.errors: dict[int, StepError] = {}
        self.total = sum(study.count for study in studies)

    def trials(self) -> tuple[Trial, ...]:
        return tuple(sorted(self._done, key=lambda trial: trial.number))

    async def work(self) -> None:
        """Run trials as long as there are any."""
        try:
            while not self._stopped and (trial := await self._remember(self._next)):
                self._done.append(await self._run(trial))
        except BaseException:
            self._stopped = True
            raise

    async def _remember(self, function: Callable[..., T], *arguments: object) -> T:
        async with self._memory:
            try:
                return await asyncio.to_thread(function, *arguments)
            except OSError as error:
                raise current_store().failure("keep the journal of a search", error) from error

    def _next(self) -> _Open | None:
        """A trial that is there already; else a new one."""
        before = 0
        for study in self._studies:
            if (found := self._untaken(study, before)) is not None:
                return found
            if sum(index is not None for index, _ in study.there()) < study.count:
                study.ask()
                return self._untaken(study, before)
            before += study.count
        return None

    def _untaken(self, study: SearchStudy, before: int) -> _Open | None:
        known = 0
        for index, number in study.there():
            known += index is None
            if (study, number) not in self._taken:
                self._taken.add((study, number))
                return _Open(study, index, number, self.total + known - 1 if index is None else before + index)
        return None

    async def _run(self, trial: _Open) -> Trial:
        values, params = await self._remember(trial.study.values, trial.index, trial.number_in_study)
        tree = with_values(self._tree, values)
        tried = Trial(trial.number, params, None, FAILED, None, None, tree)
        try:
            return await self._climb(trial, tried)
        except (ConfigError, StoreError):
            raise
        except OrepassError as error:
            if not was_told(error):
                logger.warning("%s", str(error).partition("\n")[0])
            self.errors[trial.number] = error if isinstance(error, StepError) else StepError(str(error))
            await self._remember(trial.study.fail, trial.number_in_study, str(error))
            return replace(tried, error=str(error))

    async def _climb(self, trial: _Open, tried: Trial) -> Trial:
        """Run a trial as long as it is good enough."""
        budget = self._options.budget
        if budget is None or budget.argument is None:
            tried = await self._measured(tried, f"trial {trial.number}", self._pruning(trial))
        else:
            tried = await self._from_rung_to_rung(trial, tried, budget)
        if tried.state == PRUNED:
            return tried
        await self._remember(trial.study.complete, trial.number_in_study, tried.metric)
        return replace(tried, state=COMPLETE)

    async def _from_rung_to_rung(self, trial: _Open, tried: Trial, budget: Budget) -> Trial:
        rungs = trial.study.rungs
        for rung in rungs:
            tried = replace(tried, tree=budget.given(tried.tree, rung), budget=rung)
            tried = await self._measured(tried, f"trial {trial.number} {budget.argument}={rung}")
            place = trial.number_in_study, rung, tried.metric
            if rung != rungs[-1] and await self._remember(trial.study.is_pruned, *place):
                return replace(tried, state=PRUNED)
        return tried

    def _pruning(self, trial: _Open) -> Pruning | None:
        budget, study = self._options.budget, trial.study
        if budget is None:
            return None
        return Pruning(study.name, tuple(study.rungs), budget.factor, self._journal, trial.number_in_study)

    async def _measured(self, tried: Trial, label: str, pruning: Pruning | None = None) -> Trial:
        result = await self._run_trial(tried.tree, label, pruning)
        if result.metric is None:
            raise ConfigError(
                f"{label} has run, but it has no metric to search by. Give what is searched over a method metric() "
                'that returns a number; a Script one as metric_fn, or as the "metric" of metrics.json in its folder.'
            )
        if not math.isfinite(result.metric):
            raise StepError(f"{label}: its metric is {result.metric}, which is no finite number.")
        if pruning is not None:
            tried = replace(tried, budget=pruning.rungs[-1])
        if result.pruned:
            tried = replace(tried, budget=result.steps, state=PRUNED)
        return replace(tried, metric=result.metric, folder=result.folder)
