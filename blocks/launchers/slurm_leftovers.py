"""Slurm jobs that killed flows left: every job names its flow, and the next flow cancels those of the dead."""

from __future__ import annotations

import logging
from typing import Any

from orepass.blocks.slurm_jobs import cancel, my_jobs
from orepass.claims import Owner
from orepass.errors import SlurmError


def comment_of_this_run() -> str:
    """What a job carries, so that it can be known as one of this process."""
    owner = Owner.this_process()
    return f"orepass:{owner.host}:{owner.pid}:{owner.started}"


def cancel_jobs_of_the_dead(log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
    """Cancel what flows that were killed on this machine have left in the queue."""
    try:
        left = [job.job_id for job in my_jobs(patience_s=10) if _is_of_the_dead(job.comment)]
        if left:
            log.info("Cancelling Slurm jobs that a killed run has left: %s", " ".join(left))
            cancel(left, patience_s=10)
    except SlurmError as error:
        log.warning("%s", error)


def _is_of_the_dead(comment: str) -> bool:
    kind, *owner = comment.split(":")
    if kind != "orepass" or len(owner) != 3 or not owner[1].isdigit():
        return False
    host, pid, started = owner
    return Owner(host, int(pid), started).alive() is False
