"""What a process that runs a step has to know of it, and how its end is told where the step is known."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from orepass.blocks.launchers.packing import Packer
from orepass.call import Call, Failure, Outcome
from orepass.errors import StepError
from orepass.failures import step_error
from orepass.layout import LOG
from orepass.provenance import job_id, job_restarts
from orepass.work import tail

_GIB = 2**30


@dataclass(frozen=True)
class Order:
    """A call, packed so that whoever passes it on need not import what it names.

    Attributes:
        payload: the call, as a `Packer` packs it.
        partial: the folder that the step works in.
        cpus: cores that it may use.
        timeout_s: seconds after which it is to be killed; None for no limit.
        memory_bytes: what it may use before it is killed; None for no limit.
        folder: the flow's working directory.
        path: where the flow imports from.
        run: a name for the flow run. A process runs the steps of one only, because it has imported that one's code.
    """

    payload: bytes
    partial: Path
    cpus: int
    timeout_s: float | None
    memory_bytes: int | None
    folder: str
    path: tuple[str, ...]
    run: str = ""

    @classmethod
    def of(
        cls, call: Call, packer: Packer, *, cpus: int | None = None, limit_memory: bool = False, run: str = ""
    ) -> Order:
        """Pack a call.

        Args:
            call: what to run.
            packer: of the flow run.
            cpus: cores it gets, where these are not those that it asks for.
            limit_memory: whether it is killed above its `mem_gb`.
            run: a name for the flow run.
        """
        needs = call.requirements
        return cls(
            payload=packer.pack(call),
            partial=call.partial,
            cpus=cpus or needs.cpus,
            timeout_s=call.timeout_s,
            memory_bytes=int(needs.mem_gb * _GIB) if limit_memory else None,
            folder=os.getcwd(),
            path=tuple(sys.path),
            run=run,
        )


class Ended(Exception):
    """A step ended without an outcome. It travels from the machine where that happened; `error` is for people.

    Args:
        kind: the class of the error.
        why: the cause.
        log: the last lines of the step's log, if they were seen there.
        host: where it was.
        job: the cluster job that it was in.
        worker_lost: whether more than the step's own process ended.
        restarts: how often that job had been requeued before.
    """

    def __init__(
        self,
        kind: type[StepError],
        why: str,
        log: str,
        host: str,
        job: str | None,
        worker_lost: bool = False,
        restarts: int = 0,
    ) -> None:
        super().__init__(kind, why, log, host, job, worker_lost, restarts)
        self.kind = kind
        self.why = why
        self.log = log
        self.host = host
        self.job = job
        self.worker_lost = worker_lost
        self.restarts = restarts

    @classmethod
    def here(cls, kind: type[StepError], why: str, partial: Path) -> Ended:
        """The end of a step that ran on this host, with the last lines of its log."""
        return cls(kind, why, tail(partial / LOG), socket.gethostname(), job_id(), restarts=job_restarts())

    def error(self, call: Call) -> StepError:
        """The error of the step; its folder is removed and its log kept."""
        log = self.log or tail(call.partial / LOG)
        kept = call.step.store.discard(call.partial, call.step.entry)
        return step_error(call.step, Failure(self.why, log, kept, self.host, job_id=self.job), self.kind)


async def settled(call: Call, running: Awaitable[Outcome]) -> Outcome:
    """The outcome of a call that runs elsewhere; where there is none, its folder is removed.

    Raises:
        StepError: it ended without an outcome.
    """
    try:
        outcome = await running
    except asyncio.CancelledError:
        call.step.store.discard(call.partial, call.step.entry)
        raise
    except Ended as end:
        raise end.error(call) from None
    if outcome.failure is not None:  # a worker that could not load the call left its folder
        call.step.store.discard(call.partial, call.step.entry)
    return outcome
