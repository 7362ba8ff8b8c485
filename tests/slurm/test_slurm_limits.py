"""What jobs the slurm launcher asks for, and what it says when there can be none."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cluster
import pytest
from example_steps import Options, takes_gpu, times_ten
from prefect import flow, task

from orepass import Requirements, Store
from orepass.blocks.launchers import make_launcher
from orepass.blocks.launchers.slurm_limits import JobLimits
from orepass.errors import ArrayError, ConfigError

Schedule = Callable[..., list[Any]]


@pytest.mark.parametrize(
    ("timeout_min", "walltime_min", "lifetime_min", "minutes", "takes_steps_for"),
    [
        (10, 1440, 60, 70, 60),  # a step that begins last has its whole time
        (1400, 1440, 60, 1440, 40),  # the limit of the partition is kept where that is possible
        (2000, 1440, 60, 2000, 0),  # a longer step decides, and is alone in its job
        (None, 1440, 60, 1440, 60),
        (None, 10, 60, 10, 5),
        (0.5, 10, 1, 2, 1),
    ],
)
def test_time_limits(
    timeout_min: float | None, walltime_min: float, lifetime_min: float, minutes: int, takes_steps_for: float
) -> None:
    needs = Requirements(cpus=3, gpus=2, mem_gb=1.5, timeout_min=timeout_min)
    limits = JobLimits.of(needs, walltime_min, lifetime_min, overhead_gb=0.5)
    assert limits.minutes == minutes
    assert limits.lifetime_min == pytest.approx(takes_steps_for, abs=0.51)
    assert (limits.cpus, limits.gpus, limits.memory_mb) == (3, 2, 2048)


@pytest.fixture
def options(tmp_path: Path, store: Store) -> Options:
    return Options(str(tmp_path / "journal"))


@pytest.fixture
def schedule(slurm: cluster.Cluster, api: str) -> Schedule:
    """Schedule an array in a flow with the slurm launcher."""

    def run(module: Any, config: Options, elements: list[int], **launcher: Any) -> list[Any]:
        @flow(name="on-slurm")
        async def array() -> Any:
            return await module.schedule(config, over=elements)

        made = make_launcher("slurm", **{"host": "127.0.0.1", "max_jobs": 2, **launcher})
        results: list[Any] = asyncio.run(array.with_options(task_runner=made.task_runner())())  # type: ignore[call-overload]
        return results

    return run


def test_jobs_have_the_limits_of_their_steps_and_cached_steps_have_none(
    schedule: Schedule, slurm: cluster.Cluster, options: Options, store: Store
) -> None:
    module = times_ten.with_options(requires=Requirements(cpus=2, mem_gb=0.7, timeout_min=3))
    directives = {"directives": ["--nice=7"], "constraint": "a100", "partition": "gpu", "lifetime_min": 4}
    assert schedule(module, options, [1], **directives, idle_s=1) == [10]
    (record,) = store.records("times_ten")
    assert record.job_id is not None
    job = slurm.job(record.job_id)
    assert job["NumCPUs"] == "2"
    assert "mem=1229M" in job["TRES"]
    assert job["TimeLimit"] == "00:07:00"
    assert (job["Partition"], job["Features"], job["Nice"]) == ("gpu", "a100", "7")
    # Its log is where the run said, and in no place that others can read.
    (log,) = store.layout.jobs.glob(f"*/{record.job_id}.log")
    assert "Starting worker" in log.read_text() or "Start worker" in log.read_text()
    assert log.parent.stat().st_mode & 0o077 == 0

    assert schedule(module, options, [1]) == [10]
    assert not [folder for folder in store.layout.jobs.iterdir() if folder != log.parent]


def test_steps_with_gpus_go_to_their_partition(schedule: Schedule, options: Options, store: Store) -> None:
    (seen,) = schedule(takes_gpu, options, [1], gpu_partition="gpu", gres="gpu:{gpus}")
    assert seen in ("0", "1")


def test_what_slurm_refuses_is_told_at_once(schedule: Schedule, options: Options) -> None:
    with pytest.raises(ConfigError, match=r"(?s)Slurm takes no job with 1 core.*[Ii]nvalid partition.*Correct the"):
        schedule(times_ten, options, [1], partition="nowhere")


def test_a_job_that_slurm_keeps_but_never_starts_is_told(
    schedule: Schedule, slurm: cluster.Cluster, options: Options
) -> None:
    slurm.run("scontrol", "update", "PartitionName=scrap", "MaxTime=1")
    try:
        with pytest.raises(ConfigError, match=r"Slurm will never start job .*: PartitionTimeLimit. Correct the"):
            schedule(times_ten, options, [1], partition="scrap")
    finally:
        slurm.run("scontrol", "update", "PartitionName=scrap", "MaxTime=INFINITE")


def test_jobs_that_cannot_start_a_worker_are_not_submitted_for_ever(
    schedule: Schedule, options: Options, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no orepass on this node >&2\nexit 3\n")
    python.chmod(0o755)
    with pytest.raises(ArrayError) as failed:
        schedule(times_ten, options, [1], python=str(python), max_jobs=1)
    message = str(failed.value.exceptions[0])
    assert "times_ten[0]: 3 Slurm jobs in a row ended before they could run a step" in message
    assert "FAILED (exit code 3) on cpu" in message
    assert "no orepass on this node" in message
    assert "launcher.python" in message


@pytest.mark.parametrize(
    ("given", "gpus"),
    [
        ({"gpu_partition": "gpu"}, 2),
        ({"partition": "gpu,cpu"}, 2),
        ({}, 0),
        ({"partition": "gpu", "gres": "gpu:h100:{gpus}"}, 0),
        ({"partition": "gpu", "gres": "shard:{gpus}"}, None),
        ({"directives": ["--partition=gpu"]}, None),
        ({"partition": "none"}, None),
    ],
)
def test_how_many_gpus_a_step_can_have(slurm: cluster.Cluster, given: dict[str, Any], gpus: int | None) -> None:
    assert make_launcher("slurm", **given).gpus_at_most() == gpus


def test_why_jobs_wait_is_told(
    schedule: Schedule, slurm: cluster.Cluster, options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    blocking = slurm.submit("sleep 15", "--exclusive", "--nodelist=gpu1", "--partition=gpu")
    slurm.wait_for(blocking, "RUNNING")
    with caplog.at_level(logging.INFO):
        assert schedule(times_ten, replace(options), [1], partition="gpu") == [10]
    assert "wait in Slurm's queue: " in caplog.text


@task
def outside() -> str | None:
    return os.environ.get("SLURM_JOB_ID")


def test_what_is_submitted_runs_in_jobs_of_the_usual_size(
    slurm: cluster.Cluster, api: str, options: Options, store: Store
) -> None:
    @flow(name="submits")
    def submits() -> Any:
        return outside.submit().result(), [future.result() for future in times_ten.map(options, [1, 2])]

    runner = make_launcher("slurm", host="127.0.0.1", max_jobs=1).task_runner()
    job, results = submits.with_options(task_runner=runner)()
    assert results == [10, 20]
    assert {record.job_id for record in store.records("times_ten")} == {job}
