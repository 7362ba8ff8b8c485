"""What travels between a flow and its workers: calls, events, and what came of a call."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orepass.progress_reports import Progress
from orepass.requirements import Requirements
from orepass.step import Step


@dataclass(frozen=True)
class Call:
    """A step that is to be computed, as it travels to a worker.

    Attributes:
        step: what to compute.
        partial: the folder, in the store, to work in; made by the worker.
        requirements: what the step needs.
        flow_run_id: of Prefect, for the record.
        task_run_id: of Prefect, for the record.
        variables: environment variables that the worker has meanwhile: what the run is told to be.
    """

    step: Step
    partial: Path
    requirements: Requirements
    flow_run_id: str | None = None
    task_run_id: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def timeout_s(self) -> float | None:
        """Seconds after which the step is to be killed."""
        minutes = self.requirements.timeout_min
        return None if minutes is None else minutes * 60


@dataclass(frozen=True)
class LogLine:
    """A log record on its way from a worker to the flow."""

    level: int
    message: str


Listener = Callable[[Progress | LogLine], None]


@dataclass(frozen=True)
class Failure:
    """Why a step failed.

    Attributes:
        error: the exception's type and message.
        log: the step's last lines of output, its traceback included.
        log_file: where all of it is, if it is anywhere.
        host: where the step ran.
        pickled: the exception itself, where it can travel.
        job_id: of the cluster job that the step ran in, if it ran in one.
    """

    error: str
    log: str
    log_file: Path | None
    host: str
    pickled: bytes | None = None
    job_id: str | None = None

    def exception(self) -> BaseException | None:
        """The exception itself, if it could travel."""
        if self.pickled is None:
            return None
        try:
            found = pickle.loads(self.pickled)
        except Exception:
            return None  # its class cannot be had here; the message and the log tell the same
        return found if isinstance(found, BaseException) else None


@dataclass(frozen=True)
class Outcome:
    """What came of a call: seconds it took, and a failure if there was one."""

    seconds: float
    failure: Failure | None = None
