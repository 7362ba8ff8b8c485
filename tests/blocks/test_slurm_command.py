"""Commands of Slurm when its controller does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from orepass.blocks.slurm_command import run_slurm
from orepass.errors import SlurmError


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A squeue that fails with what stands in the file `says`, once, and answers from then on."""
    program = tmp_path / "squeue"
    program.write_text('#!/bin/sh\nmkdir "$0.asked" 2>&- || exec echo 12\ncat "${0%/*}/says" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "says"


@pytest.mark.parametrize(
    "said",
    [
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "slurm_load_jobs error: Socket timed out on send/recv operation",
        "slurm_load_jobs error: Connection reset by peer",
        "slurm_load_jobs error: Zero Bytes were transmitted or received",
        "slurm_load_jobs error: Slurm backup controller in standby mode",
    ],
)
def test_no_answer_is_asked_for_again(squeue: Path, said: str) -> None:
    squeue.write_text(said)
    assert run_slurm("squeue") == "12\n"


def test_a_refusal_is_not(squeue: Path) -> None:
    squeue.write_text("slurm_load_jobs error: Invalid user id")
    with pytest.raises(SlurmError, match=r"squeue failed with exit code 1: .*Invalid user id"):
        run_slurm("squeue")


def test_patience_ends(squeue: Path) -> None:
    squeue.write_text("slurm_load_jobs error: Connection reset by peer")
    with pytest.raises(SlurmError, match=r"slurmctld does not answer: .*Connection reset"):
        run_slurm("squeue", patience_s=0)
