"""What only the `local` launcher does."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_steps import (
    Options,
    dies,
    sleeps_in_c,
    starts_processes,
    takes_all_cores,
    takes_gpu,
    takes_no_gpu,
    talks,
    times_ten,
)
from processes_of_tests import RunScript, is_alive, wait_until

from orepass import Store
from orepass.blocks.launchers import LocalLauncher
from orepass.call import LogLine
from orepass.errors import ConfigError, StepKilled, StepTimeout
from orepass.step import make_steps
from orepass.submitted import call_of

Compute = Callable[..., list[Any]]


@pytest.fixture
def options(tmp_path: Path, store: Store) -> Options:
    return Options(str(tmp_path / "journal"))


@pytest.fixture
def compute(store: Store) -> Iterator[Compute]:
    """Compute steps with a fresh launcher: results, or what was raised, in their order."""
    runners = []

    def run(launcher: LocalLauncher, *wanted: Any, listener: Any = lambda event: None) -> list[Any]:
        runner: Any = launcher.task_runner()
        runners.append(runner)
        runner.__enter__()
        steps = [step for module, config, over in wanted for step in make_steps(module, config, over, store)]

        async def gather() -> list[Any]:
            computed = (runner.compute(call_of(step), listener) for step in steps)
            return await asyncio.gather(*computed, return_exceptions=True)

        outcomes = asyncio.run(gather())
        hits = [step.look_up() for step in steps]
        return [
            outcome if isinstance(outcome, BaseException) or hit is None else hit.result
            for outcome, hit in zip(outcomes, hits, strict=True)
        ]

    yield run
    for runner in runners:
        runner.__exit__(None, None, None)


def test_a_timeout_ends_even_a_blocking_call_into_c(compute: Compute, options: Options, store: Store) -> None:
    sleeping = replace(options, seconds=1000.0, timeout_min=2 / 60)
    (error,) = compute(LocalLauncher(cpus=1), (sleeps_in_c, sleeping, None))
    assert isinstance(error, StepTimeout)
    assert "timeout_min" in str(error)
    assert "going to sleep" in str(error)  # its log
    pid = int(Path(options.journal).read_text())
    wait_until(lambda: not is_alive(pid), "the worker to be dead", 5)
    assert not list(store.layout.partials.iterdir())


def test_a_worker_that_is_killed_harms_its_own_step_only(compute: Compute, options: Options, store: Store) -> None:
    results = compute(LocalLauncher(cpus=2), (dies, replace(options, failing=(1, 3)), range(6)))
    assert [result for result in results if isinstance(result, int)] == [0, 2, 4, 5]
    for position in (1, 3):
        assert isinstance(results[position], StepKilled)
        assert "SIGKILL" in str(results[position])
        assert f"last words of {position}" in str(results[position])
    assert not list(store.layout.partials.iterdir())


def test_an_idle_worker_that_died_is_replaced(compute: Compute, options: Options) -> None:
    # The step with a journal tells the process; it is killed when the pool has it back.
    launcher = LocalLauncher(cpus=1)
    runner: Any = launcher.task_runner()
    store = Store(Path(options.journal).parent / "store")

    async def run() -> Any:
        first, second = make_steps(times_ten, options, [1, 2], store)
        await runner.compute(call_of(first), lambda event: None)
        hit = first.look_up()
        assert hit is not None
        os.kill(hit.record.pid, 9)
        # Gone, not only a zombie: its last thread may still hold the pipe.
        wait_until(lambda: not Path(f"/proc/{hit.record.pid}").exists(), "the worker to be gone", 5)
        return await runner.compute(call_of(second), lambda event: None)

    with runner:
        assert asyncio.run(run()).failure is None


def test_lines_of_workers_reach_the_flow_and_prints_only_the_log(
    compute: Compute, options: Options, store: Store
) -> None:
    events: list[Any] = []
    compute(LocalLauncher(cpus=1), (talks, options, [7]), listener=events.append)
    said = [event.message for event in events if isinstance(event, LogLine)]
    assert said == ["hello from 7"]
    (log,) = store.root.glob("talks/*/log.txt")
    assert "printed by 7" in log.read_text()


def test_workers_are_kept_for_the_next_step(compute: Compute, options: Options, store: Store) -> None:
    compute(LocalLauncher(cpus=2), (times_ten, options, range(10)))
    pids = {record.pid for record in store.records("times_ten")}
    assert 1 <= len(pids) <= 2 and os.getpid() not in pids


def test_steps_that_take_all_cores_never_overlap(compute: Compute, options: Options) -> None:
    compute(LocalLauncher(cpus=2), (takes_all_cores, options, range(3)), (times_ten, options, [7, 8, 9]))
    lines = [line for line in Path(options.journal).read_text().splitlines() if " " in line]
    for begun, ended in zip(lines[::2], lines[1::2], strict=True):
        assert begun.replace("begin", "end") == ended


def test_cores_are_used_side_by_side(compute: Compute, options: Options, store: Store) -> None:
    compute(LocalLauncher(cpus=2), (times_ten, replace(options, seconds=1.0), [1, 2]))
    assert len({record.pid for record in store.records("times_ten")}) == 2


def test_a_step_that_needs_a_gpu_where_there_is_none(compute: Compute, options: Options) -> None:
    (error,) = compute(LocalLauncher(cpus=1, gpus=0), (takes_gpu, options, [1]))
    assert isinstance(error, ConfigError)
    assert "asks for 1 GPU(s), and this machine has 0 to give" in str(error)


def test_every_step_sees_its_own_gpu_and_no_other(
    compute: Compute, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-abc")
    results = compute(
        LocalLauncher(cpus=4, gpus=2), (takes_gpu, options, [1, 2, 3, 4]), (takes_no_gpu, options, [1, 2])
    )
    assert sorted(results[:4]) == ["3", "3", "GPU-abc", "GPU-abc"]
    assert set(results[:2]) == {"3", "GPU-abc"}
    assert results[4:] == ["", ""]


def test_gpus_can_be_configured_where_none_can_be_seen(
    compute: Compute, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("orepass.blocks.launchers.slots.gpu_ids", list)
    assert set(compute(LocalLauncher(cpus=2, gpus=2), (takes_gpu, options, [1, 2]))) == {"0", "1"}


def test_more_gpus_than_there_are_is_an_error_and_not_a_wait(
    compute: Compute, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    (error,) = compute(LocalLauncher(cpus=1, gpus=4), (takes_gpu, options, [1]))
    assert isinstance(error, ConfigError) and "gpus=4" in str(error)


def test_steps_may_start_processes_of_their_own(compute: Compute, options: Options) -> None:
    assert compute(LocalLauncher(cpus=1), (starts_processes, options, [4])) == [8]


SCRIPT = """
import asyncio, sys
from example_steps import Options, sleeps_in_c
from orepass import current_store
from orepass.blocks.launchers import LocalLauncher
from orepass.step import make_steps
from orepass.submitted import call_of

async def main():
    options = Options(sys.argv[1], seconds=1000.0)
    (step,) = make_steps(sleeps_in_c, options, None, current_store())
    with LocalLauncher(cpus=1).task_runner() as runner:
        await runner.compute(call_of(step), print)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("signal", [2, 9])
def test_workers_end_with_the_flow(run_script: RunScript, options: Options, signal: int) -> None:
    run = run_script(SCRIPT, options.journal)
    wait_until(lambda: Path(options.journal).exists() and Path(options.journal).read_text(), "the step to begin")
    pid = int(Path(options.journal).read_text())
    assert is_alive(pid)
    run.process.send_signal(signal)
    run.end(30)
    wait_until(lambda: not is_alive(pid), "the worker to be dead", 10)


def test_a_step_that_waits_can_be_given_up(options: Options, store: Store) -> None:
    """Nothing is left behind, and the cores are free again."""
    runner: Any = LocalLauncher(cpus=1).task_runner()

    async def run() -> Any:
        first, second = make_steps(times_ten, replace(options, seconds=1000.0), [1, 2], store)
        (quick,) = make_steps(times_ten, options, [3], store)
        tasks = [asyncio.ensure_future(runner.compute(call_of(step), lambda event: None)) for step in (first, second)]
        while not Path(options.journal).exists():
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return await asyncio.wait_for(runner.compute(call_of(quick), lambda event: None), 30)

    begun = time.monotonic()
    with runner:
        assert asyncio.run(run()).failure is None
    assert time.monotonic() - begun < 100
