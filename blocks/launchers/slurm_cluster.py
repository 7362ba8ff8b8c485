"""The Slurm jobs of one requirement: a Dask cluster that has as many of them as there are steps to run."""

from __future__ import annotations

import asyncio
import copy
import logging
import shlex
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from distributed import Client, Future, Security
from distributed.core import Status
from distributed.deploy.adaptive import Adaptive
from prefect_dask.client import PrefectDaskClient

from orepass.blocks.launchers.dask_settings import cluster_settings
from orepass.blocks.launchers.dask_steps import DaskSteps
from orepass.blocks.launchers.jobqueue import SLURMCluster, SLURMJob
from orepass.blocks.slurm_command import UNREACHABLE
from orepass.blocks.slurm_jobs import JobState, cancel, job_states
from orepass.call import Call, Listener, Outcome
from orepass.errors import ConfigError, OrepassError, SlurmError, StepError
from orepass.work import tail

_ADAPT_EVERY_S = 1.0
_LOOK_EVERY_S = 5.0
_STARTS_FAIL_AT_MOST = 3
# Slurm keeps a job that asks for what it can never have, and says so only as the reason why it waits.
_HOPELESS = {"PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints", "AccountNotAllowed", "QOSNotAllowed"}


class JobCluster:
    """Jobs that all have the same limits, one step at a time in each.

    Args:
        name: what the limits are, for messages.
        options: of `dask_jobqueue.SLURMCluster`.
        logs: the folder of the jobs' logs.
        security: how connections are encrypted, or None.
        max_jobs: how many jobs there are at most.
        idle_s: how long an idle job is kept.
        limit_memory: whether steps are killed above their `mem_gb`.
        log: the logger of the flow run.
        others: the clusters of the same run. While jobs of one wait in the queue, the others let idle ones go at once.
    """

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        logs: Path,
        security: Security | None,
        max_jobs: int,
        idle_s: float,
        limit_memory: bool,
        log: logging.Logger | logging.LoggerAdapter[Any],
        others: Collection[JobCluster] = (),
    ) -> None:
        self.name = name
        self.others = others
        self.in_queue = False
        self.max_jobs = max_jobs
        self.job_ids: list[str] = []
        self._logs = logs
        self._log = log
        self._starts_failed = 0
        self._looked = 0.0
        self._said: set[str] = set()
        self._arrived: set[str] = set()
        self._hopeless: tuple[type[OrepassError], str] | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._tasks: set[Future] = set()
        with cluster_settings():
            self._cluster = SLURMCluster(job_cls=_job_class(self), security=security, **options)
        self._security = security
        self._client = Client(self._cluster, security=security, set_as_default=False)
        self._prefect_client: PrefectDaskClient | None = None
        self._steps = DaskSteps(self._client, limit_memory=limit_memory)
        self._cluster.adapt(
            Adaptive=_AsManyAsSteps,
            minimum=0,
            maximum=max_jobs,
            interval=_ADAPT_EVERY_S,
            wait_count=max(1, round(idle_s / _ADAPT_EVERY_S)),
            jobs=self,
        )

    def prefect_client(self) -> PrefectDaskClient:
        """A client that can submit Prefect tasks to the jobs."""
        if self._prefect_client is None:
            self._prefect_client = PrefectDaskClient(self._cluster, security=self._security, set_as_default=False)
        return self._prefect_client

    def count(self, future: Future) -> None:
        """Have a job for a task that was submitted, until it is done."""
        if self._hopeless is not None:
            future.cancel()
            return
        self._tasks.add(future)  # a number would not survive two threads
        future.add_done_callback(self._tasks.discard)

    @property
    def hopeless(self) -> bool:
        """Whether no job will ever run a step."""
        return self._hopeless is not None

    @property
    def outstanding(self) -> int:
        """How many steps and tasks there are to run."""
        return len(self._waiting) + len(self._tasks)

    @property
    def dashboard(self) -> str:
        """The address of the Dask dashboard."""
        return str(self._cluster.dashboard_link)

    async def run(self, call: Call, listener: Listener) -> Outcome:
        """Run a step in one of the jobs.

        Raises:
            Ended: the step's process, its worker or its job died.
            OrepassError: Slurm does not take such jobs, or they cannot start.
        """
        hopeless: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(hopeless)
        running = asyncio.create_task(self._steps.run(call, listener, {}))
        try:
            if self._hopeless is None:
                both: set[asyncio.Future[Any]] = {running, hopeless}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if self._hopeless is not None and not running.done():
                kind, why = self._hopeless
                raise kind(f"{call.step.label}: {why}")
            return await running
        finally:
            self._waiting.discard(hopeless)
            if not running.done():
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    def close(self) -> None:
        """Cancel all jobs and end the Dask scheduler."""
        self._steps.close()
        try:
            cancel(self.job_ids, patience_s=10)
        except SlurmError as error:
            self._log.warning("%s Cancel what is left of these jobs: %s", error, " ".join(self.job_ids))
        if self._prefect_client is not None:
            self._prefect_client.close()
        self._client.close()
        self._cluster.close()

    # In Dask's thread ------------------------------------------------------------------------------------------------

    def submitted(self, job_id: str) -> None:
        """Slurm has taken a job."""
        self.job_ids.append(job_id)
        self._log.info("Slurm job %s (%s) is submitted; its log: %s", job_id, self.name, self._log_of(job_id))

    def refused(self, error: Exception) -> None:
        """Slurm has not taken a job."""
        # Dask quotes the whole command; what sbatch said stands in its second but last paragraph.
        text = str(error).partition("stderr:\n")[2].strip() or str(error)
        if any(words in text for words in UNREACHABLE):
            self._say(f"Slurm does not answer, and is asked again: {text}", self._log.warning)
        else:
            self._give_up(ConfigError, f"Slurm takes no job with {self.name}: {text}. Correct the launcher's options.")

    async def look_after(self) -> None:
        """Drop jobs that have ended, so that others are started, and see why those that wait do so."""
        observed = self._cluster.observed
        self._arrived |= observed
        if self._arrived & observed:
            self._starts_failed = 0
        absent = {name: job for name, job in self._cluster.workers.items() if name not in observed}
        for name in [name for name, job in absent.items() if job.job_id is None]:
            await self._drop(name)
            del absent[name]
        now = time.monotonic()
        if not absent:
            self.in_queue = False
            self._looked = now
        elif now - self._looked > _LOOK_EVERY_S:
            self._looked = now
            try:
                ids = [job.job_id for job in absent.values()]
                states = await asyncio.to_thread(job_states, ids, _LOOK_EVERY_S)
            except SlurmError as error:
                self._say(str(error), self._log.warning)
                return
            self.in_queue = any(state.state == "PENDING" for state in states.values())
            for name, job in absent.items():
                await self._look_at(name, states[job.job_id])

    async def _look_at(self, name: str, job: JobState) -> None:
        if job.state == "PENDING" and job.reason in _HOPELESS:
            why = (
                f"Slurm will never start job {job.job_id} ({self.name}): {job.reason}. Correct the launcher's options."
            )
            self._give_up(ConfigError, why)
        elif job.state == "PENDING" and job.reason:
            self._say(f"Jobs with {self.name} wait in Slurm's queue: {job.reason}", self._log.info)
        if not job.ended:
            return
        await self._drop(name)
        if name in self._arrived or job.state == "CANCELLED":
            return
        self._starts_failed += 1
        if self._starts_failed == _STARTS_FAIL_AT_MOST:
            log = self._log_of(job.job_id)
            said = "\n".join(f"    {line}" for line in tail(log).splitlines())
            self._give_up(
                StepError,  # another try would end in the same way
                f"{_STARTS_FAIL_AT_MOST} Slurm jobs in a row ended before they could run a step, the last of them job "
                f"{job.job_id}: {job.describe()}. Last lines of its log:\n{said}\nWhole log: {log}\n"
                "See that the nodes have the same file system, Python and packages as this machine (launcher.python, "
                "launcher.prologue) and can reach it (launcher.host, launcher.interface).",
            )

    async def _drop(self, name: str) -> None:
        job = self._cluster.workers.pop(name, None)
        self._cluster.worker_spec.pop(name, None)
        if job is not None:
            job.job_id = None  # there is nothing to cancel
            await job.close()

    def _give_up(self, kind: type[OrepassError], why: str) -> None:
        if self._hopeless is None:
            self._log.error("%s", why)
        self._hopeless = kind, why
        for task in list(self._tasks):
            task.cancel()
        for hopeless in list(self._waiting):
            hopeless.get_loop().call_soon_threadsafe(_wake, hopeless)

    def _say(self, line: str, how: Callable[[str, str], None]) -> None:
        if line not in self._said:
            self._said.add(line)
            how("%s", line)

    def _log_of(self, job_id: str) -> Path:
        return self._logs / f"{job_id}.log"


def _wake(hopeless: asyncio.Future[None]) -> None:
    if not hopeless.done():
        hopeless.set_result(None)


class _AsManyAsSteps(Adaptive):  # type: ignore[misc]
    """As many jobs as there are steps. Dask's own rule goes by durations, which it does not know of long steps."""

    wait_count: int

    def __init__(self, cluster: SLURMCluster, *, jobs: JobCluster, **options: Any) -> None:
        self._jobs = jobs
        super().__init__(cluster, **options)
        self._patience = self.wait_count

    async def target(self) -> int:
        await self._jobs.look_after()
        needed = any(other.in_queue for other in self._jobs.others if other is not self._jobs)
        self.wait_count = 1 if needed else self._patience
        return 0 if self._jobs.hopeless else min(self._jobs.outstanding, self._jobs.max_jobs)


def _quoted(security: Security) -> Security:
    """The same, with paths as a shell reads them: Dask writes them into the job's script as they are."""
    quoted = copy.copy(security)
    for name in ("tls_ca_file", "tls_worker_cert", "tls_worker_key"):
        setattr(quoted, name, shlex.quote(getattr(security, name)))
    return quoted


def _job_class(jobs: JobCluster) -> type[SLURMJob]:
    """Dask makes jobs of a class; this one tells what Slurm says to them."""

    class Job(SLURMJob):  # type: ignore[misc]
        def __init__(self, *args: Any, security: Security | None = None, **options: Any) -> None:
            super().__init__(*args, security=security and _quoted(security), **options)

        async def start(self) -> None:
            try:
                await super().start()
            except (RuntimeError, ValueError, OSError) as error:
                self.status = Status.failed
                jobs.refused(error)  # it is dropped at the next look
            else:
                jobs.submitted(self.job_id)

    return Job
