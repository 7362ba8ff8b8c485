"""How an app on Slurm stands: what Slurm says of its job, and what the replicas have left in its folder."""

from __future__ import annotations

import signal
from pathlib import Path

from orepass.blocks.schedulers.folders import AppFolder
from orepass.blocks.schedulers.logs import tail
from orepass.blocks.slurm_state import Cause, JobState
from orepass.specs import AppDef, AppState, AppStatus, ReplicaStatus, RoleStatus, is_terminal

CANCELLED = "cancelled"
"""The file in an app's folder that says that it was cancelled."""

LOG = "slurm.log"
"""The file in an app's folder that Slurm writes to."""

_RUNNING = {"COMPLETING", "RESIZING", "RUNNING", "SIGNALING", "STAGE_OUT"}
_HOPELESS = {
    "AccountNotAllowed", "BadConstraints", "InvalidAccount", "InvalidQOS", "PartitionNodeLimit", "PartitionTimeLimit",
    "QOSNotAllowed",
}  # fmt: skip
_REMEDIES = {
    Cause.TIME: "Give it more time: time_limit_min of the scheduler slurm.",
    Cause.MEMORY: "Give its roles a resource with more memMB.",
    Cause.PREEMPTED: "Run it again; with max_retries, Slurm does so by itself.",
}


def exit_code(folder: AppFolder) -> int | None:
    """What the script of an app's job ended with; None if it did not come to its end."""
    return _number(folder.path / "ended")


def status_of(folder: AppFolder, app: AppDef, job: JobState | None) -> AppStatus:
    """How an app stands.

    Args:
        folder: its folder.
        app: what was submitted.
        job: what Slurm says of its job; None if there is no job.
    """
    if job is None and not (folder.path / CANCELLED).exists():
        msg = "no job of Slurm was made for it; run it again with its app_id, and it is not started twice"
        return AppStatus(AppState.UNSUBMITTED, msg=msg)
    job = job or JobState("", "CANCELLED")
    state = _state(folder, job)
    replicas = _replicas(folder, app, state)
    restarts = max(job.restarts, _number(folder.path / "restarts") or 0)
    roles = tuple(RoleStatus(role.name, tuple(one for one in replicas if one.role == role.name)) for role in app.roles)
    return AppStatus(state, restarts, _message(folder, state, job, replicas), roles)


def _state(folder: AppFolder, job: JobState) -> AppState:
    if exit_code(folder) == 0:
        return AppState.SUCCEEDED
    if job.state == "CANCELLED" or (job.ended and (folder.path / CANCELLED).exists()):
        return AppState.CANCELLED
    if job.ended:
        return AppState.SUCCEEDED if job.state == "COMPLETED" else AppState.FAILED
    return AppState.RUNNING if job.state in _RUNNING else AppState.PENDING


def _replicas(folder: AppFolder, app: AppDef, state: AppState) -> list[ReplicaStatus]:
    found = []
    for role in app.roles:
        for number in range(role.num_replicas):
            place = folder.replica(role.name, number)
            host = "".join(tail(place / "host", 1))
            found.append((role.name, number, host, _number(place / "exit_code")))
    # What did not end by itself was ended with the app, for another one's failure if there is one.
    failed = any(code for *_, code in found)
    ended = AppState.CANCELLED if failed and is_terminal(state) else state
    return [
        ReplicaStatus(number, ended if code is None else _ended(code), role, host, code)
        for role, number, host, code in found
    ]


def _ended(code: int) -> AppState:
    return AppState.FAILED if code else AppState.SUCCEEDED


def _message(folder: AppFolder, state: AppState, job: JobState, replicas: list[ReplicaStatus]) -> str:
    if state is AppState.PENDING:
        return _why_it_waits(job, len(replicas))
    if state is not AppState.FAILED:
        return ""
    log = folder.path / LOG
    failed = [_how(folder, one) for one in replicas if one.exit_code]
    cause = Cause.PREEMPTED if job.state == "NODE_FAIL" else job.cause(job.restarts)  # no fault of the app
    if job.state == "UNKNOWN" and exit_code(folder) is None:
        said = f"Slurm has forgotten its job {job.job_id}, which ended before its script did. See {log}"
    elif job.state == "UNKNOWN" or (failed and job.state == "FAILED" and cause is Cause.DIED):
        said = f"Slurm's job {job.job_id}; its log: {log}"
    else:
        said = f"Slurm says of its job {job.job_id}: {job.describe(job.restarts)}; its log: {log}"
    last = [] if failed or job.said else tail(log, 1)
    return ". ".join([*failed, said, *last, *([_REMEDIES[cause]] if cause in _REMEDIES else [])])


def _why_it_waits(job: JobState, replicas: int) -> str:
    if job.reason in _HOPELESS:
        return f"Slurm will never start its job {job.job_id}: {job.reason}. Cancel it, and correct the options"
    again = f"restart {job.restarts}; " if job.restarts else ""
    nodes = f", a node for each of its {replicas} replicas" if job.reason == "Resources" and replicas > 1 else ""
    return f"{again}its job {job.job_id} waits" + (f": {job.reason}{nodes}" if job.reason else "")


def _how(folder: AppFolder, failed: ReplicaStatus) -> str:
    code = failed.exit_code or 0
    name = signal.Signals(code - 128).name if code - 128 in set(signal.Signals) else ""
    how = f"exit code {code}" + (f" ({name})" if name else "")
    last = folder.last_line(failed.role, failed.id)
    return f"replica {failed.id} of {failed.role} ended with {how} on {failed.hostname}" + (f": {last}" if last else "")


def _number(file: Path) -> int | None:
    """What a small file of the script says; None while it does not."""
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
