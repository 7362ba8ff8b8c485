"""Handing a job to Slurm."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from orepass.errors import SlurmError

_ANSWERS_WITHIN_S = 60.0


def submitters_environment() -> dict[str, str]:
    """The environment of this process without what describes a job that it may be in itself."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_")) or k == "SLURM_CONF"}


def sbatch(
    *arguments: str,
    what: str,
    environment: Mapping[str, str],
    script: str | None = None,
    folder: Path | None = None,
    keep: Sequence[int] = (),
) -> str:
    """Submit a job. If this fails, the job may have been taken nevertheless: the answer alone may be lost.

    Args:
        arguments: of sbatch; the script's path among them, if it is not given as text.
        what: whose job it is, for messages.
        environment: all that the job is to know; it travels as such, and nobody else sees it.
        script: the text of the script.
        folder: where sbatch runs, and where the job does unless the arguments say otherwise.
        keep: open files that sbatch holds, too, until it ends.

    Returns:
        The job's id.

    Raises:
        SlurmError: Slurm refuses it or does not answer.
    """
    try:
        done = subprocess.run(
            ["sbatch", "--parsable", *arguments],
            input=script or "",
            env=dict(environment),
            cwd=folder,
            pass_fds=keep,
            capture_output=True,
            text=True,
            timeout=_ANSWERS_WITHIN_S,
        )
    except FileNotFoundError:
        raise SlurmError("There is no sbatch here. Use a machine where Slurm's commands are on the PATH.") from None
    except subprocess.TimeoutExpired:
        raise SlurmError(f"sbatch did not answer within {_ANSWERS_WITHIN_S:.0f} s. Is slurmctld up?") from None
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise SlurmError(f"sbatch refuses the job of {what!r}: {said}")
    return done.stdout.strip().partition(";")[0]
