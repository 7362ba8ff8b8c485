"""Notices when a run in a work pool will give no answer any more, and says why."""

from __future__ import annotations

import time

from prefect.client.schemas.objects import FlowRun, State, StateType

from orepass.blocks.launchers.orders import Ended
from orepass.blocks.launchers.pool.exchange import Exchange
from orepass.blocks.launchers.pool.heart import Sign
from orepass.claims import DEAD_AFTER_S
from orepass.errors import StepError, StepKilled, StepOutOfMemory, StepPreempted, StepTimeout

# An answer may be seen late on a shared file system, and what Slurm says of a job is known after its end.
_GRACE_S = 15.0
_SILENT_AFTER_S = DEAD_AFTER_S + 30.0
# What a process worker has taken it starts at once; in other pools a run may be pending as long as their queue is.
_STARTS_WITHIN_S = 300.0

_REFUSED = "Failed to submit flow run to infrastructure"
_CAUSES: dict[str, type[StepError]] = {
    "OUT_OF_MEMORY": StepOutOfMemory,  # Slurm
    "OOMKilled": StepOutOfMemory,  # Kubernetes
    "TIMEOUT": StepTimeout,
    "DeadlineExceeded": StepTimeout,
    "PREEMPTED": StepPreempted,
}


class Watch:
    """Looks after one run.

    Args:
        exchange: where it answers.
        pool: the pool's name.
        queues: whether runs wait in the pool after a worker has taken them.
    """

    def __init__(self, exchange: Exchange, pool: str, queues: bool) -> None:
        self._exchange = exchange
        self._pool = pool
        self._queues = queues
        self._sign = Sign(exchange.performer)
        self._final_since: float | None = None
        self._pending_since: float | None = None

    def end(self, run: FlowRun | None) -> Ended | None:
        """The end of the run, if no answer is to be expected.

        Args:
            run: as the server knows it; None if it does not.
        """
        now = time.monotonic()
        silence = self._sign.silence()
        if run is None:
            return self._ended(StepKilled, f"its flow run was deleted from the work pool {self._pool}")
        where = f"its flow run {run.id} in the work pool {self._pool}"
        if run.state is not None and run.state.is_final():
            self._final_since = self._final_since or now
            # The server takes a run for dead, too, whose heartbeats come late.
            if min(now - self._final_since, silence) > _GRACE_S or _says_cause(run.state):
                kind, how = _cause(run.state)
                return self._ended(kind, f"{where} {how}")
        elif self._sign.begun and silence > _SILENT_AFTER_S:
            return self._ended(StepKilled, f"{where} gave no sign of life any more: its process, job or host has died")
        elif run.state is not None and run.state.is_pending() and not self._sign.begun and not self._queues:
            self._pending_since = self._pending_since or now
            if now - self._pending_since > _STARTS_WITHIN_S:
                return self._ended(StepKilled, f"{where} was taken by a worker, and never began. Does the worker run?")
        return None

    def _ended(self, kind: type[StepError], why: str) -> Ended:
        host, job = self._exchange.place() or (f"the work pool {self._pool}", None)
        return Ended(kind, why, "", host, job)


def _says_cause(state: State) -> bool:
    return any(word in (state.message or "") for word in ("Slurm:", _REFUSED, *_CAUSES))


def _cause(state: State) -> tuple[type[StepError], str]:
    message = f": {state.message}" if state.message else ""
    # Neither what somebody wanted nor what the pool refuses is different the next time.
    if state.type is StateType.CANCELLED:
        return StepError, f"was cancelled in Prefect{message}"
    if _REFUSED in message:
        return StepError, f"could not be submitted by the pool's worker{message}"
    found = next((kind for word, kind in _CAUSES.items() if word in message), StepKilled)
    return found, f"ended as {state.name}{message}"
