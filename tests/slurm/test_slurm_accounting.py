"""What Slurm has forgotten is asked of its accounts."""

from __future__ import annotations

from cluster import Cluster
from processes_of_tests import wait_until

from orepass.blocks.slurm_jobs import job_states


def test_ends_that_slurm_has_forgotten(slurm_with_accounts: Cluster) -> None:
    slurm = slurm_with_accounts
    failed = slurm.submit("exit 3", "--time=10", "--job-name=a|b")
    cancelled = slurm.submit("sleep 100")
    slurm.wait_for(cancelled, "RUNNING")
    slurm.run("scancel", cancelled)
    slurm.wait_for(cancelled, "CANCELLED")
    slurm.wait_for(failed, "FAILED")
    wait_until(lambda: "CANCELLED by 0" in slurm.run("sacct", "--noheader", "--format=State%30"), "the accounts")
    slurm.kill_slurmctld()
    slurm.start_slurmctld(forget=True)
    states = job_states([failed, cancelled, "99999"])
    assert [job.describe() for job in states.values()] == [
        "FAILED (exit code 3) on cpu1", "CANCELLED by 0 on cpu1", "Slurm has forgotten it",
    ]  # fmt: skip
    assert (states[failed].time_limit, states[failed].name) == ("00:10:00", "a|b")
