"""Submitting an app's job once, however often it is tried."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from orepass.blocks.schedulers.folders import AppFolder
from orepass.blocks.schedulers.slurm_script import FILE
from orepass.blocks.slurm_batch import sbatch, submitters_environment
from orepass.blocks.slurm_command import UNREACHABLE
from orepass.blocks.slurm_jobs import commented_jobs
from orepass.errors import SlurmError
from orepass.runner import Request

_JOB = "job"
_TRIES = 3


def comment_of(folder: AppFolder) -> str:
    """What the job of an app is known by, among all others of this user."""
    place = hashlib.blake2b(os.fsencode(folder.path), digest_size=4).hexdigest()  # ids are used again in other folders
    return f"orepass:{folder.path.parent.name}/{folder.path.name}:{place}"


def job_of(folder: AppFolder) -> str:
    """The job of an app, also if sbatch's answer was lost; empty if there is none.

    Raises:
        SlurmError: Slurm does not answer.
    """
    if noted := _noted(folder.path):
        return noted
    jobs = commented_jobs(comment_of(folder))
    if not jobs:
        return ""
    # The first part of a heterogeneous job has the lowest number, which is that of the whole.
    return _note(folder.path, str(min(int(job.job_id) for job in jobs)))


def submit_once(folder: AppFolder, request: Request) -> None:
    """Hand an app to Slurm, unless this was done before.

    Raises:
        SlurmError: Slurm refuses it, and the folder is gone; or Slurm does not answer.
    """
    if shutil.which("sbatch") is None:
        raise SlurmError("There is no sbatch here. Submit where Slurm's commands are on the PATH.")
    new = folder.create(request.app)
    with _lock(folder.path) as lock:
        if _noted(folder.path) if new else job_of(folder):
            return
        _write_script(folder.path / FILE, request.text)
        for _ in range(_TRIES):
            try:
                # As long as sbatch runs, whoever started it, the lock is held.
                job_id = sbatch(
                    FILE, what=request.app_id, environment=submitters_environment(), folder=folder.path, keep=(lock,)
                )
                _note(folder.path, job_id)
                return
            except SlurmError as error:
                failed = error
                if job_of(folder):  # it was taken, and the answer lost
                    return
                if not any(words in str(error) for words in UNREACHABLE):
                    break
        shutil.rmtree(folder.path)
        raise failed


def _note(folder: Path, job_id: str) -> str:
    """Note the job of an app, unless one is noted already; the one that is noted then."""
    mine = folder / f"{_JOB}-{job_id}-{os.getpid()}"
    mine.write_text(f"{job_id}\n")
    with contextlib.suppress(FileExistsError):
        os.link(mine, folder / _JOB)
    mine.unlink()
    return _noted(folder)


def _noted(folder: Path) -> str:
    try:
        return (folder / _JOB).read_text().strip()
    except FileNotFoundError:
        return ""


def _write_script(file: Path, text: str) -> None:
    file.touch(0o600)
    file.write_bytes(text.encode(errors="surrogateescape"))


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[int]:
    with (folder / "submit.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
