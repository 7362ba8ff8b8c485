"""The Prefect task runs that stand for scheduled steps: they drive in the flow's process, workers compute."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import uuid4

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateDetails, TaskRun, TaskRunPolicy, TaskRunResult
from prefect.context import FlowRunContext, TagsContext, TaskRunContext
from prefect.results import ResultRecord, ResultRecordMetadata  # type: ignore[attr-defined]
from prefect.serializers import JSONSerializer
from prefect.states import Completed, Pending
from prefect.task_engine import run_task_async
from prefect.utilities.annotations import quote
from prefect.utilities.engine import emit_task_run_state_change_event

if TYPE_CHECKING:
    from orepass.modules import Module

W = TypeVar("W")

# For a plain None, Prefect would look up where in a file system it were to be kept.
_NO_RESULT = ResultRecord[Any](result=None, metadata=ResultRecordMetadata(serializer=JSONSerializer(), storage_key=""))


def task_of(module: Module[..., Any], drive: Callable[[W], Awaitable[State[Any]]]) -> Task[..., Any]:
    """The async Prefect task whose runs stand for a module's, with its name, retries and hooks.

    Args:
        module: what is scheduled.
        drive: what a task run does.
    """

    async def run(work: W) -> State[Any]:
        return await drive(work)

    return Task(
        fn=run,
        name=module.name,
        description=module.description,
        tags=module.tags,
        version=module.version,
        retries=module.retries,
        retry_delay_seconds=module.retry_delay_seconds,
        retry_jitter_factor=module.retry_jitter_factor,
        retry_condition_fn=module.retry_condition_fn,
        timeout_seconds=module.timeout_seconds,
        on_completion=module.on_completion_hooks,
        on_failure=module.on_failure_hooks,
        on_running=module.on_running_hooks,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


async def run_task(task: Task[..., Any], name: str, work: Any) -> State[Any]:
    """Run such a task in the flow that is going on, and return how it ended.

    Prefect would first report every run as Pending. One that has no tags, and so no limit to wait for, is Running at
    once, and a report less is a third less for the server to do.

    Args:
        task: what `task_of` made.
        name: of the task run.
        work: for the `drive` of the task.
    """
    flow, outer, run_id = FlowRunContext.get(), TaskRunContext.get(), uuid4()
    assert flow is not None and flow.flow_run is not None
    if outer is not None and outer.task_run.flow_run_id != flow.flow_run.id:
        outer = None  # the one that a subflow was called from
    state: State[Any] = Pending(state_details=StateDetails(task_run_id=run_id, flow_run_id=flow.flow_run.id))
    run = TaskRun(
        id=run_id,
        name=name,
        flow_run_id=flow.flow_run.id,
        task_key=task.task_key,
        dynamic_key=str(run_id),
        task_version=task.version,
        task_inputs={"__parents__": [TaskRunResult(id=outer.task_run.id)]} if outer else {},
        empirical_policy=TaskRunPolicy(
            retries=task.retries,
            retry_delay=task.retry_delay_seconds,
            retry_jitter_factor=task.retry_jitter_factor,
        ),
        tags=[*{*task.tags, *TagsContext.get().current_tags}],
        expected_start_time=state.timestamp,
        state=state,
        state_id=state.id,
        state_type=state.type,
        state_name=state.name,
        created=state.timestamp,
        updated=state.timestamp,
    )
    if run.tags:  # it may have to wait for the concurrency limit of a tag
        emit_task_run_state_change_event(run, None, state)
    ended = await run_task_async(task, task_run=run, parameters={"work": quote(work)}, return_type="state")
    return cast(State[Any], ended)


def completed(*, cached: bool) -> State[Any]:
    """The state of a run whose results are in the store, and were there before if it is `cached`."""
    if cached:
        return Completed(name="Cached", message="Found in the store.", data=_NO_RESULT)
    return Completed(data=_NO_RESULT)
