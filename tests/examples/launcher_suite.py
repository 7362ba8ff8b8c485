"""What every launcher has to do. A subclass of `LauncherSuite` names a launcher, and all tests run on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_steps import (
    Options,
    dies,
    hoards,
    sleeps_in_c,
    takes_gpu,
    takes_no_gpu,
    talks,
    times_ten,
    where,
)
from prefect import flow
from processes_of_tests import is_alive, wait_until

from orepass import Store, set_env
from orepass.blocks.launchers import Launcher, make_launcher
from orepass.call import LogLine, Outcome
from orepass.errors import ArrayError, StepKilled, StepOutOfMemory, StepTimeout
from orepass.progress_reports import Progress
from orepass.run_environment import ENVIRONMENT_VARIABLE
from orepass.step import make_steps
from orepass.submitted import call_of
from orepass.workers import Workers

Compute = Callable[..., list[Any]]


class LauncherSuite:
    """The contract, for a launcher that runs steps in processes which it can kill."""

    name: str
    options: dict[str, Any] = {}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def surroundings(cls) -> Iterator[None]:
        """What the launcher finds on the machine; overridden where that is not enough."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-abc")
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def launcher(cls, surroundings: None) -> Launcher:
        return make_launcher(cls.name, **cls.options)

    @pytest.fixture(scope="class")
    @classmethod
    def loop(cls) -> Iterator[asyncio.Runner]:
        with asyncio.Runner() as runner:
            yield runner

    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls, launcher: Launcher) -> Iterator[Any]:
        with launcher.task_runner() as runner:
            yield runner

    @pytest.fixture
    def config(self, tmp_path: Path, store: Store) -> Options:
        return Options(str(tmp_path / "journal"))

    @pytest.fixture
    def compute(self, loop: asyncio.Runner, runner: Any, store: Store) -> Compute:
        """Compute the elements of an array: outcomes, or what was raised, in their order."""

        def run(module: Any, config: Any, elements: Any = None, listener: Any = lambda event: None) -> list[Any]:
            async def gather() -> list[Any]:
                steps = make_steps(module, config, elements, store)
                computed = [runner.compute(call_of(step), listener) for step in steps]
                return await asyncio.gather(*computed, return_exceptions=True)

            return loop.run(gather())

        return run

    def test_its_task_runner_keeps_the_contract(self, launcher: Launcher) -> None:
        runner = launcher.task_runner()
        assert isinstance(runner, Workers)
        assert isinstance(runner.duplicate(), Workers)
        assert type(runner.duplicate()) is type(runner)

    def test_outcomes_come_in_order_and_results_are_stored(
        self, compute: Compute, config: Options, store: Store
    ) -> None:
        config = replace(config, failing=(2,))
        outcomes = compute(times_ten, config, [1, 2, 3])
        assert [outcome.failure is None for outcome in outcomes] == [True, False, True]
        stored = [step.look_up() for step in make_steps(times_ten, config, [1, 2, 3], store)]
        assert [hit and hit.result for hit in stored] == [10, None, 30]

    def test_a_failure_tells_what_and_has_its_log(self, compute: Compute, config: Options, store: Store) -> None:
        (outcome,) = compute(times_ten, replace(config, failing=(2,)), [2])
        assert isinstance(outcome, Outcome) and outcome.failure is not None
        assert outcome.failure.error == "ValueError: no good: 2"
        assert isinstance(outcome.failure.exception(), ValueError)
        assert "about to fail on 2" in outcome.failure.log
        assert "raise ValueError" in outcome.failure.log
        assert outcome.failure.log_file is not None
        assert "about to fail on 2" in outcome.failure.log_file.read_text()
        assert not list(store.layout.partials.iterdir())

    def test_progress_and_log_lines_are_heard(self, compute: Compute, config: Options, store: Store) -> None:
        events: list[Any] = []
        compute(talks, config, [7], events.append)
        seen = [event for event in events if isinstance(event, Progress)]
        assert {(event.what, event.total, event.unit) for event in seen} == {("talk", 4, "words")}
        assert seen[-1].done == 4
        assert [event.done for event in seen] == sorted(event.done for event in seen)
        self.check_heard([event.message for event in events if isinstance(event, LogLine)])
        (log,) = store.root.glob("talks/*/log.txt")
        assert "INFO example_steps: hello from 7" in log.read_text()

    def check_heard(self, lines: list[str]) -> None:
        assert lines == ["hello from 7"]

    def test_steps_run_in_the_flows_folder_and_environment(
        self, compute: Compute, config: Options, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")  # so that it is as it was afterwards
        set_env(resources={"data": tmp_path})
        compute(where, config, [1, 2])
        hits = [step.look_up() for step in make_steps(where, config, [1, 2], store)]
        # Each step changes it, for itself.
        assert [hit and hit.result for hit in hits] == [[str(tmp_path / "here"), str(tmp_path), "None"]] * 2

    def test_a_step_is_killed_at_its_timeout_also_in_c_code(
        self, compute: Compute, config: Options, store: Store
    ) -> None:
        (error,) = compute(sleeps_in_c, replace(config, seconds=1000.0, timeout_min=2 / 60))
        assert isinstance(error, StepTimeout)
        assert "sleeps_in_c failed on " in str(error)
        assert "killed after its timeout_min of 0.0333333 minutes; raise it" in str(error)
        assert "going to sleep" in str(error)
        self.check_dead(config, store)

    def test_a_step_is_killed_above_its_memory(self, compute: Compute, config: Options, store: Store) -> None:
        error, outcome = compute(hoards, replace(config, mem_gb=0.5, holds_gb=0.7), [1]) + compute(
            hoards, replace(config, mem_gb=1.0, holds_gb=0.7), [2]
        )
        assert isinstance(error, StepOutOfMemory)
        assert "hoards[0] (element 1) failed on " in str(error)
        self.check_out_of_memory(str(error))
        assert "about to hold 0.70 GiB" in str(error)
        assert isinstance(outcome, Outcome) and outcome.failure is None
        assert not list(store.layout.partials.iterdir())

    def check_out_of_memory(self, message: str) -> None:
        assert "more than its mem_gb of 0.5; raise it" in message

    def test_a_step_whose_process_dies_harms_no_other(self, compute: Compute, config: Options, store: Store) -> None:
        first, second, third = compute(dies, replace(config, failing=(2,)), [1, 2, 3])
        assert isinstance(first, Outcome) and isinstance(third, Outcome)
        assert isinstance(second, StepKilled)
        assert "dies[1] (element 2) failed on " in str(second)
        assert "SIGKILL" in str(second)
        assert "last words of 2" in str(second)
        assert not list(store.layout.partials.iterdir())

    def test_a_step_that_is_cancelled_ends(
        self, loop: asyncio.Runner, runner: Any, config: Options, store: Store
    ) -> None:
        (step,) = make_steps(sleeps_in_c, replace(config, seconds=1000.0), None, store)

        async def give_up() -> None:
            task = asyncio.ensure_future(runner.compute(call_of(step), lambda event: None))
            while not Path(config.journal).exists():
                await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        loop.run(give_up())
        self.check_dead(config, store)

    def check_dead(self, config: Options, store: Store) -> None:
        pid = int(Path(config.journal).read_text())
        wait_until(lambda: not is_alive(pid), "the step's process to be dead", 20)
        wait_until(lambda: not list(store.layout.partials.iterdir()), "the step's folder to be gone", 20)

    def test_a_step_sees_the_gpus_that_it_asks_for(self, compute: Compute, config: Options, store: Store) -> None:
        assert all(isinstance(outcome, Outcome) for outcome in compute(takes_gpu, config, [1, 2, 3]))
        compute(takes_no_gpu, config, [1])
        seen = [record.result for record in store.records("takes_gpu")]
        assert len(seen) == 3 and all(one and "," not in one for one in seen)
        assert [record.result for record in store.records("takes_no_gpu")] == [""]

    def test_in_a_flow_a_step_is_started_again_with_more_memory(
        self, api: str, surroundings: None, config: Options
    ) -> None:
        launcher = make_launcher(self.name, **{**self.options, "growths": 1, "max_mem_gb": 1.5})

        @flow(name=f"grows-on-{self.name}")
        async def grows() -> list[Any]:
            configs = (replace(config, mem_gb=0.5, holds_gb=held) for held in (0.7, 1.3))
            return await asyncio.gather(*(hoards.schedule(one, over=[0]) for one in configs), return_exceptions=True)

        runs: Any = grows.with_options(task_runner=launcher.task_runner())
        fits, fails = asyncio.run(runs())
        assert fits == [0]
        assert isinstance(fails, ArrayError)
        assert "It was started 2 times, the last time with mem_gb=1" in str(fails.exceptions[0])
