"""The flow that a work pool runs to perform one step: the same for all steps, so one deployment serves them all."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging.loggers import get_run_logger
from prefect.states import Cancelled, Completed, Crashed, Failed

from orepass.blocks.launchers.orders import Ended
from orepass.blocks.launchers.pool.exchange import Answer, Exchange, PoolOrder
from orepass.blocks.launchers.pool.gpu_locks import gpus_taken
from orepass.blocks.launchers.pool.heart import Heart, Sign
from orepass.blocks.launchers.processes import ProcessPool
from orepass.blocks.launchers.slots import gpu_ids
from orepass.call import LogLine, Outcome
from orepass.claims import DEAD_AFTER_S
from orepass.errors import ConfigError, OrepassError, StepKilled
from orepass.progress_reports import Progress
from orepass.provenance import job_id

NAME = "perform-step"
ENTRYPOINT = f"{__name__}.perform_step"
_LOOK_EVERY_S = 1.0


@flow(name=NAME, retries=0, persist_result=False, validate_parameters=False)
def perform_step(call: str, digest: str) -> State[Any]:
    """Perform the step that a flow elsewhere waits for; what comes of it goes there through the store.

    Args:
        call: the folder in the store with the order; see `orepass.blocks.launchers.pool.exchange`.
        digest: the SHA-256 of the order.
    """
    exchange = Exchange(Path(call))
    order = exchange.take(digest)
    if order is None:
        return Cancelled(message="The flow that wanted this step waits for it no more. Run that flow again.")
    return _Performance(exchange, order).run()


class _Abandoned(Exception):
    """The flow that gave the order has ended."""


class _Performance:
    def __init__(self, exchange: Exchange, order: PoolOrder) -> None:
        self._exchange = exchange
        self._order = order
        self._log = get_run_logger()
        self._pool = ProcessPool()
        self._abandoned = threading.Event()
        self._done = threading.Event()

    def run(self) -> State[Any]:
        heart = Heart()
        self._exchange.begin(socket.gethostname(), job_id())
        heart.remember(self._exchange.performer)
        threading.Thread(target=self._watch_the_driver, name="orepass-driver", daemon=True).start()
        try:
            answer = self._perform()
            if not self._abandoned.is_set():
                if isinstance(answer, Ended) and answer.kind is StepKilled and not self._order.gpus_are_shared:
                    # The cluster ends the processes of a job in any order; it knows why, and its worker will tell.
                    return Crashed(message=answer.why)
                self._exchange.reply(answer, self._order.key)
                return _state(answer)
        except _Abandoned:
            pass
        finally:  # also where Prefect or Slurm ends this process with a signal
            self._done.set()
            heart.stop()
            self._pool.stop()
            if self._abandoned.is_set() or not self._exchange.driver.exists():
                self._clear_up()
        return Cancelled(message="The flow that wanted this step waits for it no more.")

    def _perform(self) -> Answer:
        try:
            with self._gpus() as gpus:
                self._log.info("performing %s with GPU(s) %s", self._order.label, ", ".join(gpus))
                return self._pool.run(self._order.order, gpus, self._tell)
        except (Ended, OrepassError) as error:
            return error

    @contextlib.contextmanager
    def _gpus(self) -> Iterator[tuple[str, ...]]:
        """The devices that the step is to see: of those that the job was given, or of the machine's."""
        wanted, visible = self._order.gpus, gpu_ids()
        if wanted > len(visible):
            given = (
                f"{len(visible)} can be seen" if self._order.gpus_are_shared else f"its job was given {len(visible)}"
            )
            raise ConfigError(
                f"{self._order.label} asks for {wanted} GPU(s), and on {socket.gethostname()} {given}. Use machines "
                "that have more, have the pool's template ask for them, or configure the step not to use a GPU."
            )
        if not self._order.gpus_are_shared:
            yield tuple(visible[:wanted])
            return
        self._log.info("taking %d of the GPUs %s", wanted, ", ".join(visible))
        with gpus_taken(wanted, visible, self._give_up_if_abandoned) as taken:
            yield taken

    def _give_up_if_abandoned(self) -> None:
        if self._abandoned.is_set():
            raise _Abandoned

    def _clear_up(self) -> None:
        """Remove what the flow, had it lived, would have removed."""
        partial = self._order.order.partial
        shutil.rmtree(partial, ignore_errors=True)
        partial.with_suffix(".owner").unlink(missing_ok=True)
        self._exchange.remove()

    def _tell(self, event: Progress | LogLine) -> None:
        if isinstance(event, LogLine):
            self._log.log(event.level, "%s", event.message)
        with contextlib.suppress(FileNotFoundError):  # the driver may have gone, which is noticed elsewhere
            self._exchange.tell(event)

    def _watch_the_driver(self) -> None:
        sign = Sign(self._exchange.driver, begun=True)
        while not self._done.wait(_LOOK_EVERY_S):
            if sign.silence() > DEAD_AFTER_S:
                self._abandoned.set()
                self._pool.kill(self._order.order.partial, "the flow that wanted it waits for it no more")
                return


def _state(answer: Answer) -> State[Any]:
    if isinstance(answer, Outcome) and answer.failure is None:
        return Completed(message=f"Stored after {answer.seconds:.0f} s.")
    if isinstance(answer, Outcome) and answer.failure is not None:
        return Failed(message=answer.failure.error)
    return Failed(message=answer.why if isinstance(answer, Ended) else str(answer))
