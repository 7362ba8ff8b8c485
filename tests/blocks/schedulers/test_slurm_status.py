"""What is said of an app, for what Slurm says of its job and what the job has left in the app's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from orepass.blocks.schedulers.folders import AppFolder
from orepass.blocks.schedulers.slurm_status import status_of
from orepass.blocks.slurm_state import JobState
from orepass.specs import AppDef, AppState, Role

APP = AppDef("x", [Role("worker", "", "true", num_replicas=2)])


@pytest.fixture
def folder(tmp_path: Path) -> AppFolder:
    folder = AppFolder(tmp_path / "s/x-1")
    folder.create(APP)
    return folder


def job(state: str, **fields: object) -> JobState:
    return JobState("7", state, **{"name": "x-1", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("of", "state", "msg"),
    [
        (None, "UNSUBMITTED", "run it again with its app_id"),
        (job("PENDING", reason="Priority"), "PENDING", "its job 7 waits: Priority"),
        (job("PENDING", reason="Resources"), "PENDING", "waits: Resources, a node for each of its 2 replicas"),
        (
            job("PENDING", reason="PartitionTimeLimit"),
            "PENDING",
            "Slurm will never start its job 7: PartitionTimeLimit",
        ),
        (
            job("PENDING", reason="BeginTime", restarts=1),
            "PENDING",
            "restart 1; its job 7 waits: BeginTime",
        ),
        (job("CONFIGURING"), "PENDING", ""),
        (job("RUNNING"), "RUNNING", ""),
        (job("COMPLETING"), "RUNNING", ""),
        (job("SUSPENDED"), "PENDING", ""),
        (job("COMPLETED"), "SUCCEEDED", ""),
        (job("CANCELLED"), "CANCELLED", ""),
        (job("FAILED", exit_code=1, node="n1"), "FAILED", "FAILED (exit code 1) on n1"),
        (job("TIMEOUT", time_limit="10:00", node="n1"), "FAILED", "TIMEOUT (limit 10:00) on n1; .*time_limit_min"),
        (job("OUT_OF_MEMORY", node="n1"), "FAILED", "OUT_OF_MEMORY on n1; .*more memMB"),
        (job("NODE_FAIL", node="n1"), "FAILED", "NODE_FAIL on n1; .*max_retries"),
        (job("PREEMPTED", node="n1"), "FAILED", "PREEMPTED on n1; .*max_retries"),
        (job("UNKNOWN"), "FAILED", "Slurm has forgotten its job 7, which ended before its script did"),
    ],
)
def test_a_job_of_which_the_folder_says_nothing(folder: AppFolder, of: JobState | None, state: str, msg: str) -> None:
    status = status_of(folder, APP, of)
    assert status.state.name == state
    for part in msg.split(".*"):
        assert part in status.msg
    assert [replica.state.name for role in status.roles for replica in role.replicas] == [state] * 2 * (of is not None)


def test_what_the_folder_says_when_slurm_has_forgotten_the_job(folder: AppFolder) -> None:
    for number, code in enumerate((0, 137)):
        (folder.replica("worker", number) / "exit_code").write_text(f"{code}\n")
        (folder.replica("worker", number) / "host").write_text(f"n{number}\n")
    (folder.replica("worker", 1) / "stderr").write_text("all is\nlost\n\n")
    (folder.path / "ended").write_text("137\n")
    (folder.path / "restarts").write_text("2\n")
    status = status_of(folder, APP, job("UNKNOWN"))
    assert (status.state, status.num_restarts) == (AppState.FAILED, 2)
    assert status.msg.startswith("replica 1 of worker ended with exit code 137 (SIGKILL) on n1: lost. Slurm's job 7")
    assert [one.state.name for one in status.roles[0].replicas] == ["SUCCEEDED", "FAILED"]
    (folder.path / "ended").write_text("0\n")
    assert status_of(folder, APP, job("UNKNOWN")).state is AppState.SUCCEEDED


def test_one_that_was_cancelled_stays_so(folder: AppFolder) -> None:
    (folder.path / "cancelled").touch()
    assert status_of(folder, APP, job("UNKNOWN")).state is AppState.CANCELLED
    assert status_of(folder, APP, job("COMPLETING")).state is AppState.RUNNING
    assert status_of(folder, APP, None).state is AppState.CANCELLED  # whose submission was cut off


def test_the_end_of_slurms_log_is_told_where_no_replica_says_more(folder: AppFolder) -> None:
    (folder.path / "slurm.log").write_text("srun: error: cannot\n")
    assert status_of(folder, APP, job("FAILED", exit_code=1)).msg.endswith("slurm.log. srun: error: cannot")
