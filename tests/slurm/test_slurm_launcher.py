"""The launcher that runs steps in Slurm jobs, on a real Slurm."""

from __future__ import annotations

from collections.abc import Iterator

import cluster
import pytest
from launcher_suite import LauncherSuite


class TestSlurm(LauncherSuite):
    name = "slurm"
    options = {"host": "127.0.0.1", "max_jobs": 2, "gpu_partition": "gpu", "retries": 0, "growths": 0}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def surroundings(cls, slurm_cluster: cluster.Cluster) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in slurm_cluster.environment.items():
                patch.setenv(name, value)
            yield
        slurm_cluster.clean_up()

    def check_out_of_memory(self, message: str) -> None:
        # Either is the first to see it: our own watch over the step, or Slurm's over the job.
        assert "more than its mem_gb of 0.5; raise it" in message or "exceeded memory limit" in message
