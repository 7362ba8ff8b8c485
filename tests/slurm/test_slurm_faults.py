"""Steps in Slurm jobs to which everything happens that can happen to jobs, in real flows."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cluster import CPU_NODES, Cluster
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.runtime import flow_run
from processes_of_tests import wait_until
from slurm_steps import Faults, begun, eats, kills_its_worker, waits

from orepass import Store, current_store
from orepass.blocks.launchers import make_launcher
from orepass.errors import ArrayError, StepKilled, StepOutOfMemory

pytestmark = pytest.mark.usefixtures("api")

LONG = 1000.0


@pytest.fixture
def faults(tmp_path: Path, store: Store) -> Faults:
    return Faults(str(tmp_path / "journal"))


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the flow's task runs log."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("prefect.task_runs", "prefect.flow_runs")]
    for logger in loggers:
        logger.addHandler(handler)
    yield lines
    for logger in loggers:
        logger.removeHandler(handler)


Start = Callable[..., "Future[Any]"]


@pytest.fixture
def start(slurm: Cluster) -> Iterator[Start]:
    """Run a flow in a thread with the slurm launcher; options of the launcher by name."""
    with ThreadPoolExecutor() as threads:

        def start(run: Any, *arguments: Any, **options: Any) -> Future[Any]:
            launcher = make_launcher("slurm", host="127.0.0.1", **options)
            bound = run.with_options(task_runner=launcher.task_runner())
            return threads.submit(contextvars.copy_context().run, lambda: asyncio.run(bound(*arguments)))

        yield start
        slurm.clean_up()  # so that a flow of a test that failed does not wait for ever
    wait_until(lambda: not slurm.processes(), "all processes of jobs to end", 30)


def jobs_of(config: Faults, count: int) -> dict[int, str]:
    """The job of every element, once that many elements have begun."""
    wait_until(lambda: len(begun(config)) >= count, f"{count} steps to begin")
    return dict(begun(config))


def expect(said: list[str], pattern: str) -> None:
    """One of these lines has the pattern in its first line."""
    assert any(re.search(pattern, line.partition("\n")[0]) for line in said), "\n".join(said)


def task_runs(flow_run_id: str, count: int) -> dict[str, str]:
    """Names and states of the task runs of a flow run, once so many are there and in a final state."""

    async def read() -> dict[str, str]:
        async with get_client() as client:
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(flow_run_id)]))
            for _ in range(100):
                found = await client.read_task_runs(flow_run_filter=wanted)
                if len(found) == count and all(run.state is not None and run.state.is_final() for run in found):
                    break
                await asyncio.sleep(0.1)
            return {run.name: run.state.name or "" for run in found if run.state}

    return asyncio.run(read())


@flow
async def array(config: Faults, count: int) -> list[int]:
    return await waits.schedule(config, over=range(count))


def test_every_step_whose_job_ends_is_started_again(
    slurm: Cluster, faults: Faults, start: Start, said: list[str]
) -> None:
    config = replace(faults, once=LONG)
    running = start(array, config, 4, walltime_min=10, retries=1)
    jobs = jobs_of(config, 4)
    assert len(set(jobs.values())) == 4
    killed, cancelled, requeued, late = (jobs[element] for element in range(4))
    slurm.reach_time_limit(late)
    slurm.kill_worker(killed)
    slurm.run("scancel", cancelled)
    slurm.run("scontrol", "requeue", requeued)
    slurm.start_requeued(requeued)
    assert running.result(180) == [0, 10, 20, 30]
    assert sorted(element for element, _ in begun(config)) == [0, 0, 1, 1, 2, 2, 3, 3]
    host = r"failed on cpu[12], job"
    expect(said, rf"waits\[0\] \(element 0\) {host} {killed}: .* FAILED \(signal 9\) .* again as it was \(1 of 1\)")
    expect(said, rf"waits\[1\] \(element 1\) {host} {cancelled}: .* CANCELLED on cpu.* again as it was \(1 of 1\)")
    expect(said, rf"waits\[2\] \(element 2\) {host} {requeued}: .* requeued, now .* again as it was$")
    expect(said, rf"waits\[3\] \(element 3\) {host} {late}: .* TIMEOUT \(limit 1:00\) .* again with timeout_min=20")
    assert slurm.job(dict(begun(config))[3])["TimeLimit"] == "00:20:00"


@flow
async def failing(config: Faults) -> tuple[Any, Any]:
    killing = kills_its_worker.schedule(config, over=[0, 1])
    eating = eats.schedule(config, over=[600, 3000])
    killed, eaten = await asyncio.gather(killing, eating, return_exceptions=True)
    return killed, eaten, str(flow_run.id)


def test_what_fails_for_good_says_why(slurm: Cluster, faults: Faults, start: Start, said: list[str]) -> None:
    config = replace(faults, seconds=4, always=(1,))
    limits = {"limit_memory": False, "overhead_gb": 0.25, "growths": 3, "max_mem_gb": 2}
    killed, eaten, run = start(failing, config, retries=1, **limits).result(180)
    jobs = [job for element, job in begun(config) if element == 1]
    assert len(jobs) == 2
    assert isinstance(killed, ArrayError)
    (error,) = killed.exceptions
    assert type(error) is StepKilled
    expect(
        [str(error)],
        rf"kills_its_worker\[1\] \(element 1\) failed on cpu[12], job {jobs[1]}: .* FAILED \(signal 9\)",
    )
    for words in ("INFO slurm_steps: 1 begins", "Whole log: ", "It was started 2 times"):
        assert words in str(error)
    assert isinstance(eaten, ArrayError)
    (error,) = eaten.exceptions
    assert type(error) is StepOutOfMemory
    jobs = [job for element, job in begun(config) if element == 3000]
    expect([str(error)], rf"eats\[1\] \(element 3000\) failed on cpu[12], job {jobs[2]}: .* exceeded memory limit \(")
    for words in ("INFO slurm_steps: 3000 begins", "It was started 3 times, the last time with mem_gb=2"):
        assert words in str(error)
    assert [job for element, job in begun(config) if element == 600][1:]  # with 1 GiB it went well
    expect(said, r"eats\[0\] \(element 600\) failed .* again with mem_gb=1 instead of 0\.5")
    names = {"kills_its_worker[0]": "Completed", "kills_its_worker[1]": "Failed"}
    assert task_runs(run, 4) == names | {"eats[0]": "Completed", "eats[1]": "Failed"}


def test_all_jobs_are_cancelled_those_that_wait_and_those_that_run(
    slurm: Cluster, faults: Faults, start: Start
) -> None:
    config = replace(faults, once=LONG)
    for node in CPU_NODES:
        slurm.wait_for(
            slurm.submit("exec sleep 1000", "--exclusive", f"--nodelist={node}", "--job-name=full"), "RUNNING"
        )
    running = start(array, config, 2, retries=1)
    wait_until(lambda: len(slurm.job_ids("orepass")) == 2, "two jobs to be submitted")
    waiting = slurm.job_ids("orepass")
    slurm.run("scancel", *waiting)
    wait_until(lambda: len(set(slurm.job_ids("orepass")) - set(waiting)) == 2, "two others to be submitted")
    slurm.run("scancel", *slurm.job_ids("full"))
    jobs = jobs_of(config, 2)
    assert not set(jobs.values()) & set(waiting)
    slurm.run("scancel", *slurm.job_ids())
    assert running.result(180) == [0, 10]


def test_a_step_survives_its_slurmd_and_is_started_again_when_its_node_is_lost(
    slurm: Cluster, faults: Faults, start: Start, said: list[str]
) -> None:
    config = replace(faults, once=8)
    running = start(array, config, 2, retries=1, directives=["--exclusive"])
    jobs = jobs_of(config, 2)
    survives, lost = sorted(jobs, key=lambda element: slurm.job(jobs[element])["NodeList"])
    slurm.kill_slurmd("cpu1")
    slurm.kill_slurmd("cpu2", steps=True)
    expected = rf"waits\[{lost}\] .* failed on .*, job {jobs[lost]}: .* died.* again as it was \(1 of 1\)"
    wait_until(lambda: any(re.search(expected, line) for line in said), "the flow to notice")
    wait_until(lambda: list(current_store().root.glob("waits/*/record.json")), "the other step to end")
    slurm.restart_slurmd("cpu1")
    assert running.result(180) == [0, 10]
    elements = [element for element, _ in begun(config)]
    # Slurm may requeue the job under the restarted slurmd, and with it the second run of the lost step.
    assert elements.count(survives) == 1 and elements.count(lost) >= 2


def test_preempted_jobs_do_not_count(slurm: Cluster, faults: Faults, start: Start, said: list[str]) -> None:
    configs = [Faults(f"{faults.journal}-{partition}", once=LONG) for partition in ("low", "scrap")]
    running = [
        start(array, config, 1, partition=partition, retries=0)
        for config, partition in zip(configs, ("low", "scrap"), strict=True)
    ]
    low, scrap = (jobs_of(config, 1)[0] for config in configs)
    slurm.wait_for(slurm.submit("exec sleep 1", "--partition=high", "--exclusive"), "COMPLETED")
    slurm.start_requeued(low)
    assert [run.result(180) for run in running] == [[0], [0]]
    expect(said, rf"failed on cpu1, job {low}: .* requeued, now .* DUE TO PREEMPTION .* again as it was$")
    expect(said, rf"failed on cpu1, job {scrap}: .* PREEMPTED on cpu1.* again as it was$")
