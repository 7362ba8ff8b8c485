"""A Slurm of our own for the tests in this folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import accounting
import cluster
import host


@contextlib.contextmanager
def _guarded() -> Iterator[cluster.Cluster]:
    """A cluster that is stopped in the end, also if pytest is killed. Skips where there can be none; in CI it fails."""
    # Not pytest's own temporary folder: munged wants folders that all can pass through, and a short path.
    folder = Path(tempfile.mkdtemp(prefix="orepass-slurm-"))
    ours = cluster.Cluster(folder)
    guard = [sys.executable, cluster.__file__, "guard", str(folder)]
    with subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True) as guarding:
        try:
            yield ours
        except host.SlurmUnavailable as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI runs these tests for real: {error}")
            pytest.skip(f"no Slurm: {error}")
        finally:
            ours.down()
            guarding.kill()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[cluster.Cluster]:
    """A real Slurm on this machine for the whole session; tests ask for `slurm`."""
    with _guarded() as ours:
        ours.up()
        yield ours


@pytest.fixture
def slurm_with_accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[cluster.Cluster]:
    """Another one, that keeps accounts, for one test."""
    with _guarded() as ours, accounting.accounts(ours):
        ours.up()
        for name, value in ours.environment.items():
            monkeypatch.setenv(name, value)
        yield ours


@pytest.fixture
def slurm(slurm_cluster: cluster.Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[cluster.Cluster]:
    """The Slurm of the session, for this process and those that it starts; without jobs after each test."""
    for name, value in slurm_cluster.environment.items():
        monkeypatch.setenv(name, value)
    yield slurm_cluster
    slurm_cluster.clean_up()
