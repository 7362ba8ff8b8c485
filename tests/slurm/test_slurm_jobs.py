"""What Slurm says of jobs, for every way in which a job ends."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from cluster import Cluster
from processes_of_tests import wait_until

from orepass.blocks.slurm_jobs import Cause, JobState, cancel, how_it_ended, job_states, my_jobs
from orepass.errors import SlurmError

EATS_MEMORY = f"exec {sys.executable} -c 'import time; eaten = bytearray(300 << 20); time.sleep(60)'"


@pytest.fixture(scope="module")
def ended(slurm_cluster: Cluster) -> dict[str, JobState]:
    """One job for every way to end, at the same time because some of them take half a minute."""
    slurm = slurm_cluster
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
        patch.setenv("SQUEUE_FORMAT", "%i")  # somebody's own taste must not matter
        ids = {
            "preempted": slurm.submit("sleep 100", "--partition=scrap"),
            "preempted and requeued": slurm.submit("sleep 100", "--partition=low"),
            "node": slurm.submit("sleep 100", "--nodelist=cpu2", "--no-requeue"),
            "node and requeued": slurm.submit("sleep 100", "--nodelist=cpu2"),
            "time": slurm.submit("sleep 100", "--partition=gpu", "--time=10"),
        }
        for job_id in ids.values():
            slurm.wait_for(job_id, "RUNNING")
        slurm.kill_slurmd("cpu2", steps=True)
        slurm.reach_time_limit(ids["time"])
        preempting = slurm.submit("sleep 1", "--partition=high", "--exclusive")
        slurm.wait_for(preempting, "COMPLETED")
        ids |= {
            "success": slurm.submit("true", "--partition=gpu", "--job-name=nämlich", "--comment=orepass:vm:1 2"),
            "failure": slurm.submit("exit 3", "--partition=gpu"),
            "killed": slurm.submit("kill -9 $$", "--partition=gpu"),
            "memory": slurm.submit(EATS_MEMORY, "--partition=gpu", "--mem=100"),
            "cancelled": slurm.submit("sleep 100", "--partition=gpu"),
            "cancelled in the queue": slurm.submit("true", "--partition=gpu", "--hold"),
            "requeued": slurm.submit("sleep 100", "--partition=gpu"),
        }
        slurm.wait_for(ids["cancelled"], "RUNNING")
        slurm.wait_for(ids["requeued"], "RUNNING")
        cancel([ids["cancelled"], ids["cancelled in the queue"]])
        slurm.run("scontrol", "requeue", ids["requeued"])
        try:
            return {case: how_it_ended(job_id, within_s=60) for case, job_id in ids.items()}
        finally:
            slurm.clean_up()


@pytest.mark.parametrize(
    ("case", "cause", "words"),
    [
        ("success", Cause.DIED, "COMPLETED on gpu1"),
        ("failure", Cause.DIED, "FAILED (exit code 3) on gpu1"),
        ("killed", Cause.DIED, "FAILED (signal 9) on gpu1"),
        ("memory", Cause.MEMORY, "exceeded memory limit ("),
        ("time", Cause.TIME, "TIMEOUT (limit 1:00) on gpu1: *** JOB"),
        ("cancelled", Cause.DIED, "CANCELLED on gpu1: *** JOB"),
        ("cancelled in the queue", Cause.DIED, "CANCELLED"),
        ("preempted", Cause.PREEMPTED, "PREEMPTED on cpu1: *** JOB"),
        ("preempted and requeued", Cause.PREEMPTED, "DUE TO PREEMPTION ***"),
        ("requeued", Cause.PREEMPTED, "requeued, now PENDING"),
        ("node", Cause.DIED, "NODE_FAIL (NodeDown) on cpu2"),
        ("node and requeued", Cause.PREEMPTED, "requeued, now PENDING"),
    ],
)
def test_ends(ended: dict[str, JobState], case: str, cause: Cause, words: str) -> None:
    job = ended[case]
    assert words in job.describe()
    assert job.cause() is cause
    assert job.ended != ("requeued" in case)


def test_what_is_known_of_a_job(ended: dict[str, JobState]) -> None:
    job = ended["success"]
    assert (job.name, job.comment, job.node, job.restarts) == ("nämlich", "orepass:vm:1 2", "gpu1", 0)
    assert (ended["failure"].exit_code, ended["killed"].signal) == (3, 9)


def test_a_requeued_job_that_runs_again_is_as_good_as_any(slurm: Cluster) -> None:
    job_id = slurm.submit("sleep 100")
    slurm.wait_for(job_id, "RUNNING")
    slurm.run("scontrol", "requeue", job_id)
    slurm.start_requeued(job_id)
    slurm.wait_for(job_id, "RUNNING")
    job = job_states([job_id])[job_id]
    assert job.describe(restarts=0) == "requeued, now RUNNING on cpu1"
    assert job.describe(restarts=1) == "RUNNING on cpu1"
    assert (job.cause(restarts=0), job.cause(restarts=1)) == (Cause.PREEMPTED, Cause.DIED)


def test_only_jobs_that_wait_or_run_are_mine(slurm: Cluster) -> None:
    running = slurm.submit("sleep 100", "--comment=orepass:here")
    waiting = slurm.submit("true", "--hold")
    slurm.wait_for(slurm.submit("true"), "COMPLETED")
    slurm.wait_for(running, "RUNNING")
    jobs = {job.job_id: job for job in my_jobs()}
    assert set(jobs) == {running, waiting}
    assert jobs[running].comment == "orepass:here"
    cancel(jobs)
    assert [how_it_ended(job_id).state for job_id in (running, waiting)] == ["CANCELLED"] * 2
    cancel(jobs)  # they have ended: nothing to do


def test_no_ids_and_unknown_ids(slurm: Cluster) -> None:
    assert job_states([]) == {}
    job = job_states(["99999"])["99999"]
    assert (job.state, job.ended, job.describe()) == ("UNKNOWN", True, "Slurm has forgotten it")
    cancel([])
    cancel(["99999"])


def test_a_refusal_is_told(slurm: Cluster) -> None:
    with pytest.raises(SlurmError, match=r"scancel .* failed with exit code 1: .*Invalid job id nonsense"):
        cancel(["nonsense"])


def test_no_slurm_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SlurmError, match=r"There is no squeue here"):
        my_jobs()


def test_a_controller_that_restarts_is_waited_for(slurm: Cluster) -> None:
    job_id = slurm.submit("sleep 100")
    slurm.wait_for(job_id, "RUNNING")
    changed = time.time()
    slurm.run("scontrol", "update", f"JobId={job_id}", "Comment=changed")
    # It writes down what it knows some seconds after a change.
    wait_until(lambda: (slurm.root / "state/job_state").stat().st_mtime > changed, "the controller to write", 30)
    slurm.kill_slurmctld()
    with pytest.raises(SlurmError, match=r"slurmctld does not answer: .*Unable to contact slurm controller"):
        job_states([job_id], patience_s=0)
    later = threading.Timer(1, slurm.start_slurmctld)
    later.start()
    try:
        assert job_states([job_id])[job_id].state == "RUNNING"
    finally:
        later.join()
