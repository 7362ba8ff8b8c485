"""What every launcher has to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_steps import Options, talks, times_ten, where

from orepass import Store
from orepass.blocks.launchers import LAUNCHERS, Launcher, make_launcher
from orepass.call import LogLine, Outcome
from orepass.errors import ConfigError
from orepass.progress import Progress
from orepass.step import make_steps
from orepass.submitted import call_of
from orepass.workers import Workers

Compute = Callable[..., list[Any]]


@pytest.fixture(params=sorted(LAUNCHERS))
def launcher(request: pytest.FixtureRequest) -> Launcher:
    return make_launcher(request.param)


@pytest.fixture
def options(tmp_path: Path, store: Store) -> Options:
    return Options(str(tmp_path / "journal"))


@pytest.fixture
def compute(launcher: Launcher, store: Store) -> Iterator[Compute]:
    """Compute the elements of an array: outcomes, or what was raised, in their order."""
    runner: Any = launcher.task_runner()
    events: list[Progress | LogLine] = []

    def run(module: Any, config: Any, elements: list[Any] | None = None, listener: Any = events.append) -> list[Any]:
        async def gather() -> list[Any]:
            steps = list(make_steps(module, config, elements, store))
            computed = (runner.compute(call_of(step), listener) for step in steps)
            return await asyncio.gather(*computed, return_exceptions=True)

        return asyncio.run(gather())

    with runner:
        yield run


def test_its_task_runner_keeps_the_contract(launcher: Launcher) -> None:
    runner = launcher.task_runner()
    assert isinstance(runner, Workers)
    assert isinstance(runner.duplicate(), Workers)
    assert type(runner.duplicate()) is type(runner)


def test_outcomes_come_in_order_and_results_are_stored(compute: Compute, options: Options, store: Store) -> None:
    outcomes = compute(times_ten, replace(options, failing=(2,)), [1, 2, 3])
    assert [outcome.failure is None for outcome in outcomes] == [True, False, True]
    stored = [step.look_up() for step in make_steps(times_ten, replace(options, failing=(2,)), [1, 2, 3], store)]
    assert [hit and hit.result for hit in stored] == [10, None, 30]


def test_a_failure_tells_what_and_has_its_log(compute: Compute, options: Options) -> None:
    (outcome,) = compute(times_ten, replace(options, failing=(2,)), [2])
    assert isinstance(outcome, Outcome) and outcome.failure is not None
    assert outcome.failure.error == "ValueError: no good: 2"
    assert isinstance(outcome.failure.exception(), ValueError)
    assert "about to fail on 2" in outcome.failure.log
    assert "raise ValueError" in outcome.failure.log
    assert outcome.failure.log_file is not None
    assert "about to fail on 2" in outcome.failure.log_file.read_text()


def test_a_failed_step_leaves_no_folder(compute: Compute, options: Options, store: Store) -> None:
    compute(times_ten, replace(options, failing=(1, 2)), [1, 2])
    assert not list(store.layout.partials.iterdir())


def test_progress_is_heard(compute: Compute, options: Options) -> None:
    events: list[Any] = []
    compute(talks, options, [7], events.append)
    seen = [event for event in events if isinstance(event, Progress)]
    assert {(event.what, event.total, event.unit) for event in seen} == {("talk", 4, "words")}
    assert seen[-1].done == 4
    assert [event.done for event in seen] == sorted(event.done for event in seen)


def test_what_is_logged_is_in_the_steps_log(compute: Compute, options: Options, store: Store) -> None:
    compute(talks, options, [7])
    (log,) = store.root.glob("talks/*/log.txt")
    assert "INFO example_steps: hello from 7" in log.read_text()


def test_steps_run_in_the_flows_folder(
    compute: Compute, options: Options, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    compute(where, options, [1])
    (step,) = make_steps(where, options, [1], store)
    hit = step.look_up()
    assert hit is not None and hit.result == str(tmp_path / "here")


def test_a_launcher_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match=r"No launcher 'locl'. Did you mean 'local'\? Valid: debug, local"):
        make_launcher("locl")


@pytest.mark.parametrize("wrong", [{"cpu": 2}, {"cpus": 0}, {"cpus": "many"}, {"gpus": -1}])
def test_wrong_options_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        make_launcher("local", **wrong)
