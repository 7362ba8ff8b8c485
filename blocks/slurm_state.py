"""The state of a job of Slurm, and what sort of end it came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

_FINAL = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
}  # fmt: skip


class Cause(Enum):
    """Why a job ended, as far as a retry has to know."""

    TIME = auto()
    MEMORY = auto()
    PREEMPTED = auto()
    DIED = auto()


@dataclass(frozen=True)
class JobState:
    """A job, as Slurm sees it.

    Attributes:
        job_id: its number.
        state: Slurm's word, such as `RUNNING`; `UNKNOWN` if Slurm has forgotten the job.
        reason: Slurm's word for why it is in this state; empty if there is none.
        exit_code: of its script.
        signal: that ended its script; 0 if none did.
        node: where its script ran last; empty if it never did.
        restarts: how many times it was requeued.
        time_limit: as Slurm prints it.
        name: its name.
        comment: what was given as `--comment`.
        said: the first line that Slurm itself wrote into the job's log.
    """

    job_id: str
    state: str
    reason: str = ""
    exit_code: int = 0
    signal: int = 0
    node: str = ""
    restarts: int = 0
    time_limit: str = ""
    name: str = ""
    comment: str = ""
    said: str = ""

    @property
    def ended(self) -> bool:
        """Whether it has ended for good."""
        return self.state in _FINAL or self.state == "UNKNOWN"

    def cause(self, restarts: int = 0) -> Cause:
        """What sort of end it was.

        Args:
            restarts: what `restarts` was while what we ask about was running.
        """
        if self.restarts > restarts or self.state == "PREEMPTED" or "DUE TO PREEMPTION" in self.said:
            return Cause.PREEMPTED
        if self.state in ("TIMEOUT", "DEADLINE") or "DUE TO TIME LIMIT" in self.said:
            return Cause.TIME
        # Where memory is limited without cgroups, only the log of the job tells: its state is FAILED, signal 9.
        if self.state == "OUT_OF_MEMORY" or "memory limit" in self.said or "oom" in self.said.lower():
            return Cause.MEMORY
        return Cause.DIED

    def describe(self, restarts: int = 0) -> str:
        """The same in Slurm's own words, for a message.

        Args:
            restarts: what `restarts` was while what we ask about was running.
        """
        if self.state == "UNKNOWN":
            return "Slurm has forgotten it"
        words = [f"requeued, now {self.state}" if self.restarts > restarts else self.state]
        # Slurm calls it JobLaunchFailure when a signal ended the script.
        if self.reason not in ("", "NonZeroExitCode", "TimeLimit", "JobLaunchFailure" if self.signal else ""):
            words.append(self.reason if self.reason.startswith("by ") else f"({self.reason})")
        if self.state == "TIMEOUT":
            words.append(f"(limit {self.time_limit})")
        if self.state == "FAILED":
            words.append(f"(signal {self.signal})" if self.signal else f"(exit code {self.exit_code})")
        if self.node:
            words.append(f"on {self.node}")
        return " ".join(words) + (f": {self.said}" if self.said else "")
