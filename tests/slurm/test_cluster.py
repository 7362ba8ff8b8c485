"""The test Slurm is a real one, and does what the other tests count on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from cluster import Cluster

from orepass.flows.cli._checks_slurm import check_slurm


def test_jobs_run_and_a_gpu_is_handed_out(slurm: Cluster) -> None:
    one = slurm.submit("echo gpus: $CUDA_VISIBLE_DEVICES", "--partition=gpu", "--gres=gpu:1")
    none = slurm.submit("echo gpus: ${CUDA_VISIBLE_DEVICES-unset}")
    assert slurm.wait_for(one, "COMPLETED")["NodeList"] == "gpu1"
    assert slurm.wait_for(none, "COMPLETED")["NodeList"] == "cpu1"
    said = [(slurm.root / f"log/job-{job}.out").read_text() for job in (one, none)]
    assert said == ["gpus: 0\n", "gpus: unset\n"]


def test_commands_of_this_process_find_it(slurm: Cluster) -> None:
    job = slurm.submit("sleep 100", "--job-name=found")
    done = subprocess.run(["squeue", "--noheader", "--format=%A"], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == [job] == slurm.job_ids("found")


def test_the_doctor_finds_it(slurm: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    controller, partitions, accounts = check_slurm()
    assert {one.state for one in (controller, partitions, accounts)} == {"ok"}
    assert re.fullmatch(r"Slurm \d+\.\S+, cluster orepass: the controller answers", controller.found)
    assert partitions.found.startswith("cpu* (2 nodes), gpu (1 nodes)")
    assert accounts.found == "none: how a job ended is known for MinJobAge (300 sec)"
    text = (slurm.root / "slurm.conf").read_text()
    (tmp_path / "slurm.conf").write_text(re.sub("SlurmctldPort=.*", "SlurmctldPort=9", text))
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    assert [one.state for one in check_slurm(within_s=1)] == ["trouble"]


def test_a_killed_slurmd_comes_back(slurm: Cluster) -> None:
    job = slurm.submit("sleep 100", "--nodelist=cpu2")
    slurm.wait_for(job, "RUNNING")
    slurm.kill_slurmd("cpu2", steps=True)
    assert not slurm.stepds("cpu2")
    slurm.restart_slurmd("cpu2")
