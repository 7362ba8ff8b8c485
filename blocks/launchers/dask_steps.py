"""The flow's side of a Dask cluster: sends steps to it, hears of them, and says what became of those that died."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from distributed import Client, Future, KilledWorker

from orepass.blocks.launchers.dask_batches import Batches
from orepass.blocks.launchers.dask_worker import StepsPlugin
from orepass.blocks.launchers.orders import Ended, Order
from orepass.blocks.launchers.packing import Packer
from orepass.call import Call, Listener, Outcome
from orepass.errors import StepError, StepKilled
from orepass.hosts import ENVIRONMENT_VARIABLE as HOSTS

logger = logging.getLogger(__name__)

_NOT_BEGUN_AT_MOST = 20


@dataclass
class _Waiting:
    """A step that the cluster has, and who waits for it."""

    listener: Listener
    outcome: asyncio.Future[Outcome]

    def hear(self, what: str, content: Any) -> None:
        """Take in what the worker tells."""
        if what == "event":
            self.listener(content)
        elif what == "ended":
            self.fail(content)
        elif not self.outcome.done():
            self.outcome.set_result(content)

    def fail(self, error: BaseException) -> None:
        """End the wait with an error, unless it has ended."""
        if not self.outcome.done():
            self.outcome.set_exception(error)


class DaskSteps:
    """Runs steps on the workers of a Dask client's cluster.

    Outcomes come as events, like log lines: Dask would store a returned one on the worker until it is fetched, which
    is another round trip.

    Args:
        client: of the cluster.
        share: see `StepsPlugin`.
        limit_memory: whether steps are killed above their `mem_gb`.
    """

    def __init__(self, client: Client, *, share: int = 1, limit_memory: bool = False) -> None:
        self._client = client
        self._limit_memory = limit_memory
        self._packer = Packer()
        self._topic = f"orepass-{uuid.uuid4().hex}"
        self._waiting: dict[str, _Waiting] = {}
        self._where: dict[str, tuple[str, str | None, int]] = {}
        self._batches = Batches(client, self._topic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard: deque[tuple[str, str, bytes]] = deque()
        self._woken = False
        client.register_plugin(StepsPlugin(share))
        client.subscribe_topic(self._topic, self._hear)

    async def run(self, call: Call, listener: Listener, resources: Mapping[str, float]) -> Outcome:
        """Run a step on some worker that has the resources.

        Raises:
            Ended: the step's process, or the worker itself, died or was killed.
        """
        self._loop = asyncio.get_running_loop()
        cpus = int(resources.get("cpus", 0)) or None
        call = replace(call, variables={**call.variables, **self._hosts()})
        order = Order.of(call, self._packer, cpus=cpus, limit_memory=self._limit_memory, run=self._topic)
        for attempt in range(_NOT_BEGUN_AT_MOST):
            key = f"{call.step.module.name}-{call.partial.name}-{attempt}"
            waiting = _Waiting(listener, self._loop.create_future())
            self._waiting[call.partial.name] = waiting
            try:
                return await self._run_once(order, key, call.requirements.gpus, resources, waiting)
            except KilledWorker as error:
                # A worker takes those that wait for it with it. They are none of the cause, so they just go elsewhere.
                if call.partial.exists() or attempt + 1 == _NOT_BEGUN_AT_MOST:
                    raise self._lost(error) from None
            finally:
                self._waiting.pop(call.partial.name, None)
        raise AssertionError("not reached")

    async def _run_once(
        self, order: Order, key: str, gpus: int, resources: Mapping[str, float], waiting: _Waiting
    ) -> Outcome:
        try:
            task = await self._batches.submit(order, key, gpus, resources, at_once=len(self._waiting) == 1)
        except Exception as error:  # the client is closed, because the scheduler is gone
            raise self._ended(StepKilled, f"the Dask scheduler was lost: {error!r}") from None
        task.add_done_callback(lambda task: self._settle(task, waiting))
        try:
            return await waiting.outcome
        except asyncio.CancelledError:
            task.cancel()
            raise
        except (Ended, KilledWorker):
            raise
        except Exception as error:  # Dask itself fails, such as on a worker that cannot import this library
            why = f"Dask cannot run it: {error!r}. See that its workers have the same packages as this machine"
            raise self._ended(StepError, why) from None
        finally:
            task.release()

    def _hosts(self) -> dict[str, str]:
        """What a step is told of the machines of the workers that have begun to work."""
        addresses = {urlsplit(address).hostname or "" for address in self._where}
        return {HOSTS: ",".join(sorted(addresses))} if addresses else {}

    def close(self) -> None:
        """Hear no more."""
        with contextlib.suppress(Exception):  # a scheduler that was lost has nothing to say
            self._client.unsubscribe_topic(self._topic)

    def _hear(self, event: tuple[float, tuple[str, str, bytes]]) -> None:
        """Called in Dask's thread; wakes the flow's loop once for all that come before it gets to them."""
        self._heard.append(event[1])
        if not self._woken and self._loop is not None:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._pass_on)
            except RuntimeError:  # that loop has ended, and with it all who waited
                self._heard.clear()
                self._woken = False

    def _pass_on(self) -> None:
        self._woken = False  # what comes from here on wakes the loop again, even if an error ends this
        while self._heard:
            name, what, content = self._heard.popleft()
            try:
                self._take_in(name, what, pickle.loads(content))
            except Exception:  # the others have to be heard all the same
                logger.exception("What a Dask worker says of %s cannot be understood", name)

    def _take_in(self, name: str, what: str, content: Any) -> None:
        if what == "worker":
            address, where = content
            self._where[address] = where
        elif (waiting := self._waiting.get(name)) is not None:
            waiting.hear(what, content)

    def _settle(self, task: Future, waiting: _Waiting) -> None:
        """Called in a thread of Dask's when a task is done; what went well has been heard of already."""
        loop = waiting.outcome.get_loop()
        if task.status == "error":
            loop.call_soon_threadsafe(waiting.fail, task.exception())
        elif task.status in ("cancelled", "lost"):
            why = f"its Dask task was {task.status}; perhaps the scheduler was ended"
            loop.call_soon_threadsafe(waiting.fail, self._ended(StepKilled, why))

    def _ended(self, kind: type[StepError], why: str) -> Ended:
        """An end of which no worker is known."""
        return Ended(kind, why, "", "an unknown host", None)

    def _lost(self, error: KilledWorker) -> Ended:
        worker = error.last_worker
        # What this very worker said comes first: another one may have had its address before.
        host, job, restarts = worker.extra.get("where") or self._where.get(worker.address) or (worker.host, None, 0)
        return Ended(StepKilled, f"its Dask worker {worker.name} died", "", host, job, True, restarts)
