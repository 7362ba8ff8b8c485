"""The worker for pools of type `orepass-slurm`, with a real Slurm: what the `gpu` launcher makes of its jobs."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster
from example_steps import Options, hoards, sleeps_in_c, takes_gpu
from pool_workers import pool_with_worker, runs_called, start_worker, stop_worker
from processes_of_tests import Run, wait_until

from orepass import Store
from orepass.blocks.launchers.gpu import GpuLauncher
from orepass.call import Outcome
from orepass.deployments.slurm_submit import JobOptions, submit
from orepass.errors import SlurmError, StepError, StepKilled, StepOutOfMemory, StepPreempted
from orepass.step import make_steps
from orepass.submitted import call_of

POOL = "tests-slurm"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="module")
def worker(server: str, slurm_cluster: Cluster, logs: Path) -> Iterator[list[Run]]:
    """The worker of a pool whose jobs go to the gpu partition; a list, because a test starts it again."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in slurm_cluster.environment.items():
            patch.setenv(name, value)
        with pool_with_worker(server, POOL, "orepass-slurm", logs, partition="gpu", log_folder=str(logs)) as run:
            runs = [run]
            yield runs
            for another in runs[1:]:
                stop_worker(another)


@pytest.fixture
def config(tmp_path: Path, store: Store) -> Options:
    return Options(str(tmp_path / "journal"))


class Driver:
    """Computes one step in the pool, beside the test."""

    def __init__(self, module: Any, config: Options, store: Store, element: Any = None, **variables: Any) -> None:
        over = None if element is None else [element]
        (step,) = make_steps(module, config, over, store, f"{module.name}-{uuid.uuid4().hex[:8]}")
        self.label = step.label
        call = call_of(step)
        self.call = replace(call, requirements=replace(call.requirements, gpus=1))
        self._journal = Path(config.journal)
        self._launcher = GpuLauncher(pool=POOL, job_variables=variables)

    def run(self, meanwhile: Any = None) -> Any:
        """Let a coroutine function do something while the step is wanted; what became of it."""

        async def both() -> Any:
            with self._launcher.task_runner() as runner:
                task = asyncio.ensure_future(runner.compute(self.call, lambda event: None))  # type: ignore[attr-defined]
                try:
                    if meanwhile is not None:
                        await asyncio.wait_for(meanwhile(task), 120)
                    return (await asyncio.gather(task, return_exceptions=True))[0]
                finally:
                    task.cancel()

        return asyncio.run(both())

    async def begun(self) -> str:
        """Wait until the step runs; its job."""
        while not (self._journal.exists() and self._journal.read_text()):
            await asyncio.sleep(0.1)
        return await self.job()

    async def job(self) -> str:
        """Wait until there is a job; its id."""
        while True:
            for run in await asyncio.to_thread(runs_called, self.label):
                if run.infrastructure_pid:
                    return str(run.infrastructure_pid)
            await asyncio.sleep(0.2)


def test_a_step_runs_in_a_job_with_the_gpu_that_it_asks_for(
    api: str, slurm: Cluster, worker: list[Run], config: Options, store: Store, logs: Path
) -> None:
    driver = Driver(takes_gpu, config, store, element=1)
    jobs: list[dict[str, str]] = []

    async def look(task: Any) -> None:
        jobs.append(slurm.job(await driver.job()))

    assert isinstance(driver.run(look), Outcome)
    (record,) = store.records("takes_gpu")
    assert record.result in ("0", "1")
    assert record.job_id == jobs[0]["JobId"]
    assert (jobs[0]["Partition"], jobs[0]["Requeue"], jobs[0]["NumCPUs"]) == ("gpu", "0", "1")
    assert jobs[0]["TresPerNode"] == "gres:gpu:1" and "mem=3G" in jobs[0]["TRES"]
    assert "performing takes_gpu-" in (logs / f"{record.job_id}.log").read_text()


def test_a_cancelled_job_is_told_in_slurms_words(
    api: str, slurm: Cluster, worker: list[Run], config: Options, store: Store
) -> None:
    driver = Driver(sleeps_in_c, replace(config, seconds=1000.0), store)
    jobs = []

    async def cancel_it(task: Any) -> None:
        jobs.append(await driver.begun())
        slurm.run("scancel", jobs[0])

    error = driver.run(cancel_it)
    assert isinstance(error, StepKilled)
    assert f"failed on {os.uname().nodename}, job {jobs[0]}: " in str(error)
    assert f"Slurm: job {jobs[0]} CANCELLED" in str(error)
    assert "going to sleep" in str(error)
    assert not list(store.layout.partials.iterdir())


def test_a_job_that_runs_out_of_memory(
    api: str, slurm: Cluster, worker: list[Run], config: Options, store: Store
) -> None:
    error = Driver(hoards, replace(config, mem_gb=0.25, holds_gb=1.8), store, element=1).run()
    assert isinstance(error, StepOutOfMemory), error
    assert "about to hold" in str(error)


def test_a_preempted_job(api: str, slurm: Cluster, worker: list[Run], config: Options, store: Store) -> None:
    elsewhere = {"partition": "low", "gpus": 0, "env": {"CUDA_VISIBLE_DEVICES": "0"}}
    driver = Driver(sleeps_in_c, replace(config, seconds=1000.0), store, **elsewhere)

    async def preempt(task: Any) -> None:
        await driver.begun()
        slurm.submit("sleep 1000", "--partition=high", "--exclusive")

    error = driver.run(preempt)
    assert isinstance(error, StepPreempted), error
    assert "Slurm: PREEMPTED: job" in str(error)


def test_a_worker_that_is_started_again_follows_the_jobs_from_before(
    server: str, api: str, slurm: Cluster, worker: list[Run], config: Options, store: Store, logs: Path
) -> None:
    driver = Driver(sleeps_in_c, replace(config, seconds=1000.0), store)

    async def replace_worker(task: Any) -> None:
        job = await driver.begun()
        os.kill(worker[-1].process.pid, signal.SIGKILL)
        log = logs / f"worker-again-{uuid.uuid4().hex[:4]}.log"
        worker.append(await asyncio.to_thread(start_worker, server, POOL, "orepass-slurm", log))
        while f"Following Slurm job {job}" not in worker[-1].output:
            await asyncio.sleep(0.1)
        slurm.run("scancel", job)

    error = driver.run(replace_worker)
    assert isinstance(error, StepKilled)
    assert "CANCELLED" in str(error)


def test_a_job_that_waits_is_cancelled_with_its_driver(
    api: str, slurm: Cluster, worker: list[Run], config: Options, store: Store
) -> None:
    other = slurm.submit("sleep 1000", "--partition=gpu", "--exclusive")
    slurm.wait_for(other, "RUNNING")
    driver = Driver(sleeps_in_c, replace(config, seconds=1000.0), store)

    async def give_up(task: Any) -> None:
        job = await driver.job()
        assert slurm.job(job)["JobState"] == "PENDING"
        task.cancel()

    assert isinstance(driver.run(give_up), asyncio.CancelledError)
    wait_until(lambda: slurm.job_ids() == [other], "the job to be gone", 30)
    wait_until(lambda: _state_of(driver.label).is_cancelled(), "the flow run to be cancelled", 30)


def _state_of(name: str) -> Any:
    (run,) = runs_called(name)
    return run.state


def test_what_slurm_refuses_is_not_tried_again(
    api: str, slurm: Cluster, worker: list[Run], config: Options, store: Store
) -> None:
    error = Driver(takes_gpu, config, store, element=1, partition="gpus").run()
    assert isinstance(error, StepError) and not isinstance(error, StepKilled)
    assert "sbatch refuses the job" in str(error) and "invalid partition specified: gpus" in str(error)


def test_values_of_any_form_reach_the_job_and_nobody_else(slurm: Cluster, tmp_path: Path) -> None:
    odd = {"QUOTES": 'it\'s "so" $HOME `id` \\', "LINES": "one\ntwo\n", "EMPTY": "", "SPACES": " a  b ", "UMLAUT": "ä"}
    secret = "s3cret-4711"
    out = tmp_path / "environment"
    options = JobOptions(log_folder=str(tmp_path / "100 %j logs"), working_dir=str(tmp_path), prologue=["GREETING=hi"])
    job, log = submit(options, f"env -0 > {out}; pwd; echo $GREETING", odd | {"KEY": secret}, "odd 'name'\n[3]", "why")
    told = slurm.run("scontrol", "show", "job", job)
    assert secret not in told and secret not in slurm.run("scontrol", "write", "batch_script", job, "-")
    assert "JobName=odd__name__[3]" in told
    slurm.wait_for(job, "COMPLETED")
    found = dict(line.split("=", 1) for line in out.read_text().split("\0") if line)
    assert {name: found[name] for name in odd} == odd
    assert found["KEY"] == secret
    assert log.read_text() == f"{tmp_path}\nhi\n"


def test_options_of_a_job(slurm: Cluster, tmp_path: Path) -> None:
    options = JobOptions(
        partition="gpu", constraint="a100", cpus=2, mem_gb=0.5, gpus=2, time_limit_min=7,
        directives=["--nice=10"], log_folder=str(tmp_path),
    )  # fmt: skip
    job, _ = submit(options, "sleep 100", {}, "name", "why")
    told = slurm.job(job)
    assert (told["Features"], told["TimeLimit"], told["Comment"], told["Nice"]) == ("a100", "00:07:00", "why", "10")
    assert told["TresPerNode"] == "gres:gpu:2"
    assert {"cpu=2", "mem=512M"} <= set(told["TRES"].split(","))
    with pytest.raises(SlurmError, match="sbatch refuses the job of 'x'"):
        submit(options.model_copy(update={"directives": ["--nonsense"]}), "true", {}, "x", "")
