"""How an app on a work pool stands: what Prefect says of its flow run."""

from __future__ import annotations

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound

from orepass.blocks.schedulers.prefect_app import EXIT_CODE, HOST
from orepass.blocks.work_pools import why_it_waits
from orepass.specs import AppState, AppStatus, ReplicaStatus, RoleStatus, is_terminal

_STATES = {
    StateType.SCHEDULED: AppState.SUBMITTED,
    StateType.PENDING: AppState.PENDING,
    StateType.PAUSED: AppState.PENDING,
    StateType.RUNNING: AppState.RUNNING,
    StateType.CANCELLING: AppState.RUNNING,
    StateType.COMPLETED: AppState.SUCCEEDED,
    StateType.FAILED: AppState.FAILED,
    StateType.CRASHED: AppState.FAILED,
    StateType.CANCELLED: AppState.CANCELLED,
}


def state_of(run: FlowRun) -> AppState:
    """What a flow run's state is for an app; UNKNOWN for a run that has none."""
    return AppState.UNKNOWN if run.state is None else _STATES[run.state.type]


def status_of(client: SyncPrefectClient, run: FlowRun, role: str) -> AppStatus:
    """How an app stands.

    Args:
        client: of the server, which is asked what the run waits for.
        run: its flow run.
        role: the name of its only role.
    """
    state = state_of(run)
    code = run.labels.get(EXIT_CODE) if is_terminal(state) else None  # one that runs again has that of before
    replica = ReplicaStatus(0, state, role, str(run.labels.get(HOST, "")), code if isinstance(code, int) else None)
    restarts = max(0, run.run_count - 1)
    return AppStatus(state, restarts, _message(client, run), (RoleStatus(role, (replica,)),))


def _message(client: SyncPrefectClient, run: FlowRun) -> str:
    if run.state is None or run.state.type in (StateType.RUNNING, StateType.COMPLETED):
        return ""
    said = run.state.message or ""
    waits = run.state.type in (StateType.SCHEDULED, StateType.CANCELLING)
    return " ".join([*([said] if said else []), *(_waiting(client, run) if waits else [])])


def _waiting(client: SyncPrefectClient, run: FlowRun) -> list[str]:
    name = run.work_pool_name
    try:
        pool = client.read_work_pool(name or "")
    except ObjectNotFound:
        return ["Its work pool was deleted, so nobody will run it. Cancel it, and submit it to another one."]
    return [*why_it_waits(pool, client.read_workers_for_work_pool(pool.name))] or [
        f"A worker of the work pool {name!r} will see to it."
    ]
