from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orepass import Store, use_store
from orepass.errors import ArrayError, ConfigError, StepError
from orepass.runnables import Call, Choice, Grid, Integers, LogUniform, Uniform
from orepass.runnables.as_module import RunnableResult
from orepass.runnables.search_options import Budget, SearchOptions
from orepass.runnables.search_pruning import Pruning
from orepass.runnables.search_result import SearchResult
from orepass.runnables.searching import run_search
from orepass.runnables.tree import Node


@dataclass
class Runs:
    """Stands for the steps of trials: computes each configuration once, and counts how often."""

    score: Callable[..., float | None]
    computed: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, RunnableResult] = field(default_factory=dict)

    async def __call__(self, tree: Node, label: str, pruning: Pruning | None) -> RunnableResult:
        assert isinstance(tree, Call)
        given: dict[str, Any] = dict(tree.arguments)
        if str(given) not in self.results:
            await asyncio.sleep(0)
            self.computed.append(given)
            self.results[str(given)] = RunnableResult(Path(label), 1, self.score(**given))
        return self.results[str(given)]

    def search(self, tree: Call, **options: Any) -> SearchResult:
        return asyncio.run(run_search(tree, SearchOptions(**options), self, key="test"))

    def new(self) -> list[dict[str, Any]]:
        """What was computed since the last time."""
        new = self.computed[:]
        self.computed.clear()
        return new


pytestmark = pytest.mark.usefixtures("store")


def a_plus_b(a: float, b: float) -> float:
    return a + b


def test_a_grid_has_all_combinations_and_a_wider_one_computes_the_new_ones() -> None:
    runs = Runs(a_plus_b)
    result = runs.search(Call("M", {"a": Grid((1, 2)), "b": Uniform(0, 1, 0.5)}))
    assert [trial.params for trial in result.trials] == [{"a": a, "b": b} for a in (1, 2) for b in (0.0, 0.5, 1.0)]
    assert result.best.params == {"a": 2, "b": 1.0} and result.best.metric == 3.0
    assert len(runs.new()) == 6
    again = runs.search(Call("M", {"a": Grid((1, 2)), "b": Uniform(0, 1, 0.5)}))
    assert again == result and runs.new() == []
    wider = runs.search(Call("M", {"a": Grid((1, 2, 3)), "b": Uniform(0, 1, 0.5)}))
    assert len(wider.trials) == 9
    assert sorted(run["b"] for run in runs.new()) == [0.0, 0.5, 1.0]
    assert wider.best.params == {"a": 3, "b": 1.0}


@pytest.mark.parametrize("algorithm", ["random", "tpe"])
def test_more_trials_cost_only_the_new_ones(algorithm: str) -> None:
    runs = Runs(a_plus_b)
    tree = Call("M", {"a": LogUniform(1e-3, 1), "b": Integers(1, 50)})
    few = runs.search(tree, algorithm=algorithm, trials=4)
    assert len(runs.new()) == 4
    more = runs.search(tree, algorithm=algorithm, trials=6)
    assert len(runs.new()) == 2
    assert more.trials[:4] == few.trials
    assert runs.search(tree, algorithm=algorithm, trials=4) == few and not runs.new()


@pytest.mark.parametrize("algorithm", ["random", "tpe"])
def test_a_wider_range_finds_the_old_trials_again(algorithm: str) -> None:
    runs = Runs(a_plus_b)
    old = runs.search(Call("M", {"a": Uniform(0, 1), "b": Choice((1, 2))}), algorithm=algorithm, trials=4)
    runs.new()
    new = runs.search(Call("M", {"a": Uniform(0, 2), "b": Choice((1, 2, 3))}), algorithm=algorithm, trials=3)
    assert len(runs.new()) == 3
    assert [trial.params for trial in new.trials[3:]] == [trial.params for trial in old.trials]


def test_random_draws_do_not_depend_on_timing(tmp_path: Path) -> None:
    tree = Call("M", {"a": Uniform(0, 1), "b": Integers(1, 50)})
    found = []
    for parallel in (1, 5):
        use_store(Store(tmp_path / str(parallel)))
        result = Runs(a_plus_b).search(tree, algorithm="random", trials=7, parallel=parallel, seed=3)
        found.append([trial.params for trial in result.trials])
    assert found[0] == found[1]
    other = Runs(a_plus_b).search(tree, algorithm="random", trials=7, seed=4)
    assert [trial.params for trial in other.trials] != found[0]


def test_a_failing_trial_is_recorded_and_tried_again_by_the_next_search() -> None:
    broken = True

    def score(a: int) -> float:
        if a == 2 and broken:
            raise StepError("trial 1 failed: out of luck")
        return float(a)

    runs = Runs(score)
    result = runs.search(Call("M", {"a": Grid((1, 2, 3))}), direction="minimize")
    assert [(trial.state, trial.metric) for trial in result.trials] == [
        ("complete", 1),
        ("failed", None),
        ("complete", 3),
    ]
    assert "out of luck" in str(result.trials[1].error) and result.best.params == {"a": 1}
    runs.new()
    broken = False
    assert [t.state for t in runs.search(Call("M", {"a": Grid((1, 2, 3))}), direction="minimize").trials] == [
        "complete"
    ] * 3
    assert runs.new() == [{"a": 2}]


def test_when_all_fail_the_first_errors_are_told() -> None:
    def score(a: int) -> float:
        raise StepError(f"no luck with {a}")

    with pytest.raises(ArrayError, match="All 3 trials failed") as caught:
        Runs(score).search(Call("M", {"a": Grid((1, 2, 3))}))
    assert "no luck with 1" in str(caught.value.exceptions[0])


def test_without_a_metric_there_is_nothing_to_search_by() -> None:
    with pytest.raises(ConfigError, match=r"has no metric to search by\. Give what is searched over a method metric"):
        Runs(lambda a: None).search(Call("M", {"a": Grid((1, 2, 3))}))


@pytest.mark.parametrize("algorithm", ["halving", "hyperband"])
def test_the_better_ones_get_more_of_the_budget(algorithm: str) -> None:
    runs = Runs(lambda a, epochs: a * epochs)
    tree = Call("M", {"a": Uniform(0, 1), "epochs": 1})
    options: dict[str, Any] = {"algorithm": algorithm, "trials": 12, "budget": Budget("epochs", max=9)}
    result = runs.search(tree, **options)
    states = [trial.state for trial in result.trials]
    assert len(states) == 12 and {"complete", "pruned"} == set(states)
    assert result.best.budget == 9 and result.best.state == "complete"
    assert all(trial.budget in (1, 3) for trial in result.trials if trial.state == "pruned")
    assert len(runs.new()) < 3 * 12
    assert runs.search(tree, **options) == result and not runs.new()
    runs.search(tree, **{**options, "trials": 14})
    assert {run["a"] for run in runs.new()}.isdisjoint(trial.params["a"] for trial in result.trials)


def test_choices_may_be_anything_and_shared_spaces_are_chosen_once() -> None:
    size = Choice((1, 2))
    tree = Call("M", {"model": Grid((Call("A", {"x": 1}), [1, "é"], None)), "a": size, "b": size})
    result = Runs(lambda model, a, b: a * 10 + b).search(tree, algorithm="random", trials=5)
    assert all(trial.metric in (11, 22) for trial in result.trials)
    assert all(trial.params["model"] in ({"_target_": "A", "x": 1}, [1, "é"], None) for trial in result.trials)


@pytest.mark.parametrize(
    ("tree", "options", "said"),
    [
        ({"a": 1}, {}, "nothing to search over"),
        ({"a": Uniform(0, 1)}, {}, r"!uniform at 'a' has no end of values for a grid\. Write !grid"),
        ({"a": Grid((1,))}, {"algorithm": "rndom"}, r"no algorithm 'rndom'\. Did you mean 'random'\?"),
        ({"a": Grid((1,))}, {"algorithm": "tpe"}, "Give the number of trials"),
        ({"a": Grid((1,))}, {"trials": 3}, "tries all combinations"),
        ({"a": Grid((1,))}, {"direction": "up"}, "no direction 'up'"),
        ({"a": Grid((1,))}, {"algorithm": "halving", "trials": 2}, "what trials get more of"),
        (
            {"a": Grid((1,))},
            {"algorithm": "halving", "trials": 2, "budget": Budget("opt.epochs", max=9)},
            r"'opt\.epochs', but there is no 'opt'",
        ),
    ],
)
def test_what_cannot_be_searched_is_told_before_anything_runs(tree: Any, options: Any, said: str) -> None:
    runs = Runs(a_plus_b)
    with pytest.raises(ConfigError, match=said):
        runs.search(Call("M", tree), **options)
    assert not runs.computed
