"""What Slurm has forgotten is asked of its accounts."""

from __future__ import annotations

from pathlib import Path

from cluster import Cluster
from processes_of_tests import wait_until

from orepass.blocks.slurm_jobs import job_states
from orepass.flows.cli._checks_slurm import check_slurm
from orepass.runner import Runner, get_runner
from orepass.specs import AppDef, AppState, Role


def test_ends_that_slurm_has_forgotten(slurm_with_accounts: Cluster, tmp_path: Path) -> None:
    slurm = slurm_with_accounts
    runner = get_runner(scheduler_options={"slurm": {"folder": tmp_path}})
    sleeps = Role("sleeps", "", "sleep", ["100"], num_replicas=2)
    app = runner.run(AppDef("app", [sleeps]), "slurm", app_id="app-1")
    failed = slurm.submit("exit 3", "--time=10", "--job-name=a|b")
    cancelled = slurm.submit("sleep 100")
    slurm.wait_for(cancelled, "RUNNING")
    slurm.run("scancel", cancelled)
    wait_until(lambda: _state(runner, app) is AppState.RUNNING, "the app to run", 60)
    slurm.run("scancel", "--name=app-1")
    wait_until(lambda: _state(runner, app) is AppState.CANCELLED, "the app to end", 60)
    slurm.wait_for(cancelled, "CANCELLED")
    slurm.wait_for(failed, "FAILED")
    wait_until(lambda: "CANCELLED by 0" in slurm.run("sacct", "--noheader", "--format=State%30"), "the accounts")
    assert check_slurm()[-1].found == "kept, and sacct answers"
    slurm.kill_slurmctld()
    slurm.start_slurmctld(forget=True)
    assert _state(runner, app) is AppState.CANCELLED
    states = job_states([failed, cancelled, "99999"])
    assert [job.describe() for job in states.values()] == [
        "FAILED (exit code 3) on cpu1", "CANCELLED by 0 on cpu1", "Slurm has forgotten it",
    ]  # fmt: skip
    assert (states[failed].time_limit, states[failed].name) == ("00:10:00", "a|b")


def _state(runner: Runner, handle: str) -> AppState | None:
    status = runner.status(handle)
    return status and status.state
