"""What Slurm says of jobs: their states, why they ended, and how to cancel them.

All of it blocks: asynchronous code calls it in a thread. Jobs are asked for in one call, however many they are. What
`squeue` has forgotten, some minutes after its end, is asked of `sacct`, where the cluster keeps accounts.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Collection, Iterable
from dataclasses import replace

from orepass.blocks.slurm_command import run_slurm
from orepass.blocks.slurm_state import Cause, JobState
from orepass.errors import SlurmError

__all__ = ["Cause", "JobState", "cancel", "commented_jobs", "how_it_ended", "job_states", "my_jobs"]

# Columns of `squeue --Format` and their widths. Nothing can be escaped there, so fields are cut out by their width.
_COLUMNS = {
    "JobID": 20, "State": 20, "Reason": 80, "exit_code": 12, "RestartCnt": 12, "BatchHost": 80,
    "TimeLimit": 20, "Name": 200, "Comment": 300, "STDERR": 1000,
}  # fmt: skip
_SACCT_COLUMNS = ("JobIDRaw", "State", "ExitCode", "NodeList", "Timelimit", "JobName")
_LOG_END = 1 << 16
_CLEANS_UP_WITHIN_S = 60.0
_SAID = re.compile(r"^slurmstepd\S*: error: (.*)$", re.MULTILINE)


def job_states(ids: Collection[str], patience_s: float = 60.0) -> dict[str, JobState]:
    """The states of jobs of this user.

    Args:
        ids: the jobs.
        patience_s: how long to try while Slurm does not answer.

    Returns:
        One state for every id.

    Raises:
        SlurmError: Slurm does not answer.
    """
    if not ids:
        return {}
    found = {
        job.job_id: _with_its_log(job, log) for job, log in _squeue(patience_s, "--states=all") if job.job_id in ids
    }
    if forgotten := [job_id for job_id in ids if job_id not in found]:
        found |= {job.job_id: job for job in _sacct(forgotten)}
    return {job_id: found.get(job_id, JobState(job_id, "UNKNOWN")) for job_id in ids}


def my_jobs(patience_s: float = 60.0) -> list[JobState]:
    """All jobs of this user that wait or run.

    Raises:
        SlurmError: Slurm does not answer.
    """
    return [job for job, _ in _squeue(patience_s)]


def commented_jobs(comment: str, patience_s: float = 60.0) -> list[JobState]:
    """The jobs of this user that were given a comment, also those that have ended some minutes ago.

    Raises:
        SlurmError: Slurm does not answer.
    """
    return [job for job, _ in _squeue(patience_s, "--states=all") if job.comment == comment]


def how_it_ended(job_id: str, restarts: int = 0, within_s: float = 10.0, patience_s: float = 60.0) -> JobState:
    """The state of a job that seems to have ended; Slurm is given some seconds to notice.

    Args:
        job_id: the job.
        restarts: what its `restarts` was while it seemed to run.
        within_s: how long to wait for it to end or to be requeued. A job goes on if only its worker died.
        patience_s: how long to try while Slurm does not answer.

    Raises:
        SlurmError: Slurm does not answer.
    """
    begun = time.monotonic()
    while True:
        job = job_states([job_id], patience_s)[job_id]
        # While the node cleans up, Slurm does not say what it will call the end.
        until = begun + (max(within_s, _CLEANS_UP_WITHIN_S) if job.state == "COMPLETING" else within_s)
        if job.ended or job.restarts > restarts or time.monotonic() > until:
            return job
        time.sleep(min(1.0, within_s / 10))


def cancel(ids: Iterable[str], patience_s: float = 60.0) -> None:
    """Cancel jobs; those that have ended already are none to worry about.

    Raises:
        SlurmError: Slurm does not answer, or these are not this user's jobs.
    """
    wanted = list(ids)
    for start in range(0, len(wanted), 500):
        run_slurm("scancel", "--quiet", *wanted[start : start + 500], patience_s=patience_s)


def _squeue(patience_s: float, *options: str) -> list[tuple[JobState, str]]:
    """This user's jobs, and where their logs are."""
    columns = ",".join(f"{name}:{width}" for name, width in _COLUMNS.items())
    text = run_slurm("squeue", "--me", "--noheader", f"--Format={columns}", *options, patience_s=patience_s)
    table = text.encode(errors="surrogateescape")  # widths are of bytes
    size = sum(_COLUMNS.values()) + 1
    return [_job(table[start : start + size]) for start in range(0, len(table), size)]


def _job(line: bytes) -> tuple[JobState, str]:
    fields = {}
    for name, width in _COLUMNS.items():
        fields[name], line = os.fsdecode(line[:width]).strip(), line[width:]
    status = int(fields["exit_code"])
    job = JobState(
        job_id=fields["JobID"],
        state=fields["State"],
        reason=_known(fields["Reason"]),
        exit_code=status >> 8,
        signal=status & 0x7F,
        node=_known(fields["BatchHost"]),
        restarts=int(fields["RestartCnt"]),
        time_limit=fields["TimeLimit"],
        name=fields["Name"],
        comment=_known(fields["Comment"]),
    )
    return job, _path(fields["STDERR"], job)


def _path(pattern: str, job: JobState) -> str:
    """The file that a pattern of sbatch stands for."""
    if "\\" in pattern:
        return pattern.replace("\\\\", "\\")
    values = {"j": job.job_id, "A": job.job_id, "J": job.job_id, "x": job.name, "%": "%"}
    return re.sub(r"%([jAJx%])", lambda code: values[code[1]], pattern)


def _with_its_log(job: JobState, log: str) -> JobState:
    """The job with what Slurm wrote into its log, if it is not in good health."""
    if job.state in ("RUNNING", "COMPLETED"):
        return job
    with contextlib.suppress(OSError), open(log, "rb") as file:
        file.seek(max(0, os.path.getsize(log) - _LOG_END))
        if found := _SAID.search(file.read().decode(errors="replace")):
            return replace(job, said=found[1].strip())
    return job


def _sacct(ids: Iterable[str]) -> list[JobState]:
    """What is known of jobs from the accounts; nothing, where there are none."""
    options = ("--allocations", "--noheader", "--parsable2", f"--format={','.join(_SACCT_COLUMNS)}")
    try:
        lines = run_slurm("sacct", *options, f"--jobs={','.join(ids)}", patience_s=0).splitlines()
    except SlurmError:
        return []
    return [_accounted(*line.split("|", len(_SACCT_COLUMNS) - 1)) for line in lines]


def _accounted(job_id: str, state: str, ended: str, node: str, time_limit: str, name: str) -> JobState:
    word, _, rest = state.partition(" ")  # CANCELLED by 1000
    exit_code, _, signal = ended.partition(":")
    node = "" if node == "None assigned" else node
    return JobState(job_id, word, rest, int(exit_code), int(signal), node, time_limit=time_limit, name=name)


def _known(word: str) -> str:
    return "" if word.lower() in ("none", "(null)", "n/a") else word
