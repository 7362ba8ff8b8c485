"""A worker for Prefect work pools of type `orepass-slurm`: every flow run is a job of Slurm, submitted with sbatch.

prefect worker start --pool POOL --type orepass-slurm
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import InfrastructureNotFound, ObjectNotFound
from prefect.states import Crashed
from prefect.utilities.processutils import command_to_string
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from orepass.blocks.slurm_jobs import Cause, JobState, cancel, job_states
from orepass.deployments.slurm_follow import Follower
from orepass.deployments.slurm_submit import JobOptions, submit
from orepass.errors import SlurmError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

TYPE = "orepass-slurm"

# As many as the server tells of in one answer.
_ASKED_AT_ONCE = 200
# What the gpu launcher knows a cause by, whatever Slurm calls the state.
_WORDS = {Cause.TIME: "TIMEOUT", Cause.MEMORY: "OUT_OF_MEMORY", Cause.PREEMPTED: "PREEMPTED"}


class SlurmVariables(BaseVariables, JobOptions):
    """What a pool's template, a deployment and a run may set."""


class SlurmJobConfiguration(BaseJobConfiguration, JobOptions):
    """How one flow run becomes a job."""

    @staticmethod
    def _base_flow_run_command() -> str:
        # The worker's own Python, which nodes have at the same place; `prefect` may be another one on their PATH.
        return command_to_string([sys.executable, "-m", "prefect", "flow-run", "execute"])


class SlurmWorkerResult(BaseWorkerResult):
    """What became of a job."""


class SlurmWorker(BaseWorker[SlurmJobConfiguration, SlurmVariables, SlurmWorkerResult]):
    """Submits flow runs as jobs, follows them, and tells Prefect what Slurm says of those that end badly.

    Jobs outlive the worker. One that is started again goes on to follow the jobs of its user that it finds.
    """

    type = TYPE
    job_configuration = SlurmJobConfiguration
    job_configuration_variables = SlurmVariables
    _display_name = "Slurm (orepass)"
    _description = "Run every flow run as a job of Slurm, submitted with sbatch."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._follower = Follower(self._cancel_what_waits_in_vain)
        self._followed: dict[UUID, str] = {}

    async def setup(self) -> None:
        """Start, and take up the jobs that a worker before this one left."""
        await super().setup()
        try:
            found = await self.client.read_flow_runs(
                flow_run_filter=FlowRunFilter(
                    state=FlowRunFilterState(
                        type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
                    )
                ),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name])),
            )
        except httpx.HTTPError as error:
            self._logger.warning("Jobs from before cannot be looked for: %s", error)
            return
        for flow_run in found:
            if flow_run.infrastructure_pid and self._runs_task_group is not None:
                self._runs_task_group.start_soon(self._take_up, flow_run, flow_run.infrastructure_pid)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: SlurmJobConfiguration,
        task_status: anyio.abc.TaskStatus[str] | None = None,  # type: ignore[override]
    ) -> SlurmWorkerResult:
        """Submit a job and wait for its end."""
        environment = {name: value for name, value in configuration.env.items() if value is not None}
        job_id, log = await asyncio.to_thread(
            submit, configuration, configuration.command or "", environment, flow_run.name, str(flow_run.id)
        )
        self.get_flow_run_logger(flow_run).info("Submitted as Slurm job %s; its output: %s", job_id, log)
        if task_status is not None:
            task_status.started(job_id)
        job = await self._follow(flow_run, job_id)
        return SlurmWorkerResult(identifier=job_id, status_code=_status_of(job))

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: SlurmJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Cancel a job.

        Raises:
            InfrastructureNotFound: it has ended already.
        """
        states = await asyncio.to_thread(job_states, [infrastructure_pid])
        if states[infrastructure_pid].ended:
            raise InfrastructureNotFound(f"Slurm job {infrastructure_pid} has ended.")
        await asyncio.to_thread(cancel, [infrastructure_pid])

    async def _take_up(self, flow_run: FlowRun, job_id: str) -> None:
        try:
            if (await asyncio.to_thread(job_states, [job_id]))[job_id].state == "UNKNOWN":
                self._logger.warning("Slurm job %s of flow run %s is none of this user's.", job_id, flow_run.id)
                return
            self._logger.info("Following Slurm job %s of flow run %s again.", job_id, flow_run.id)
            await self._follow(flow_run, job_id)
        except Exception:
            self._logger.exception("Slurm job %s of flow run %s is followed no more.", job_id, flow_run.id)

    async def _follow(self, flow_run: FlowRun, job_id: str) -> JobState:
        self._followed[flow_run.id] = job_id
        try:
            job = await self._follower.end_of(job_id)
        finally:
            del self._followed[flow_run.id]
        await self._report(flow_run, job)
        return job

    async def _cancel_what_waits_in_vain(self) -> None:
        """Cancel the jobs of flow runs that were cancelled before they began; Prefect ends those that have begun."""
        ids = list(self._followed)
        unwanted = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING, StateType.CANCELLED]))
        try:
            for start in range(0, len(ids), _ASKED_AT_ONCE):
                these = FlowRunFilter(
                    id=FlowRunFilterId(any_=ids[start : start + _ASKED_AT_ONCE]),
                    state=unwanted,
                    start_time=FlowRunFilterStartTime(is_null_=True),
                )
                found = await self.client.read_flow_runs(flow_run_filter=these)
                jobs = [self._followed[run.id] for run in found if run.id in self._followed]
                await asyncio.to_thread(cancel, jobs)
        except (httpx.HTTPError, SlurmError) as error:
            self._logger.warning("Jobs that nobody wants any more could not be cancelled: %s", error)

    async def _report(self, flow_run: FlowRun, job: JobState) -> None:
        """Tell Prefect why a job ended, unless the run in it has come to an end of its own."""
        try:
            known = await self.client.read_flow_run(flow_run.id)
        except ObjectNotFound:
            return
        state = known.state
        if state is not None and state.is_final() and (not state.is_crashed() or job.state == "COMPLETED"):
            return
        if state is not None and state.is_cancelling():
            await self._mark_flow_run_as_cancelled(known, {"message": f"Slurm: job {job.job_id} {job.describe()}"})
            return
        # A run that a signal has ended has reported that; only Slurm knows who sent it.
        await self.client.set_flow_run_state(flow_run.id, Crashed(message=explanation(job)), force=True)


def explanation(job: JobState) -> str:
    """Why a job ended, for the message of its flow run's state."""
    word = _WORDS.get(job.cause())
    return f"Slurm: {f'{word}: ' if word else ''}job {job.job_id} {job.describe()}"


def _status_of(job: JobState) -> int:
    if job.state == "COMPLETED":
        return 0
    return job.exit_code or -job.signal or 1
