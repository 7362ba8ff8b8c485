"""What the Prefect server sees to by itself: runs whose process has died."""

from __future__ import annotations

from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

NAME = "orepass: crash runs whose process has died"
_HEARTBEAT = "prefect.flow-run.heartbeat"
_ENDS = ("AwaitingRetry", "Cancelled", "Completed", "Crashed", "Failed", "Paused", "Suspended", "TimedOut")


async def crash_dead_runs(silent_s: float = 300) -> None:
    """Let the server call runs Crashed whose heartbeats have stopped, so that they can be retried.

    A process that is killed with SIGKILL, or with its machine, cannot say so, and its run would be Running for good.
    Workers see to the processes that they start; this is for those of the command line. `prefect deploy` runs it as a
    step. An automation of this name that is there already stays as it is.

    Args:
        silent_s: seconds without a heartbeat after which a run counts as dead. Processes send one every three minutes
            (`PREFECT_FLOWS_HEARTBEAT_FREQUENCY`), and a server with much to do notes it late.
    """
    trigger = EventTrigger(
        after={_HEARTBEAT},
        expect={_HEARTBEAT, *(f"prefect.flow-run.{state}" for state in _ENDS)},
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=silent_s),
    )
    crash = ChangeFlowRunState(state=StateType.CRASHED, message="Its process has died: no heartbeat any more.")
    async with get_client() as client:
        if not await client.read_automations_by_name(NAME):
            await client.create_automation(AutomationCore(name=NAME, trigger=trigger, actions=[crash]))
