"""Steps performed by runs in a Prefect work pool, seen from the flow that wants them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.context import AsyncClientContext
from prefect.logging import get_logger
from prefect.states import Cancelling, Crashed, Pending
from prefect.tasks import Task

from orepass.blocks.launchers.orders import Ended, Order
from orepass.blocks.launchers.packing import Packer
from orepass.blocks.launchers.pool.exchange import Answer, Exchange, PoolOrder
from orepass.blocks.launchers.pool.heart import Heart
from orepass.blocks.launchers.pool.step import NAME
from orepass.blocks.launchers.pool.target import Target, find_target
from orepass.blocks.launchers.pool.variables import job_variables
from orepass.blocks.launchers.pool.watch import Watch
from orepass.call import Call, Listener, LogLine, Outcome
from orepass.errors import ServerError
from orepass.progress_reports import Progress

T = TypeVar("T")

_LOOK_EVERY_S = (0.2, 2.0)
_ASK_EVERY_S = 3.0
_WITHOUT_SERVER_S = 600.0
_WAITING = (StateType.SCHEDULED, StateType.PENDING)
AT_MOST = 200
"""Runs at a time: as many as the server tells of in one answer."""

logger = get_logger("orepass.pool")


class PoolRuns:
    """Performs steps by runs in one pool.

    Args:
        pool: the pool's name.
        variables: job variables for all runs.
        at_most: how many runs at a time; further steps wait here.
        limit_memory: whether a step is killed above its `mem_gb`.
    """

    def __init__(self, pool: str, variables: Mapping[str, Any], at_most: int, limit_memory: bool) -> None:
        self._pool = pool
        self._variables = variables
        self._limit_memory = limit_memory
        self._turn = asyncio.Semaphore(at_most)
        self._heart = Heart()
        self._packer = Packer()
        self._target: Target | None = None
        self._targeting = asyncio.Lock()
        self._asking = asyncio.Lock()
        self._asked = 0.0
        self._runs: dict[UUID, FlowRun | None] = {}
        self._exchanges: dict[UUID, Exchange] = {}

    async def perform(self, call: Call, listener: Listener) -> Outcome:
        """Perform one step.

        Raises:
            ConfigError: there is no such pool, or its machines can never meet the requirements.
            StepError: the run ended without an outcome, of the kind that says why.
        """
        async with self._turn:
            async with self._targeting:
                if self._target is None:
                    self._target = await _patiently(lambda api: find_target(api, self._pool))
                target = self._target
            exchange = Exchange.of(call.partial)
            try:
                return await self._perform(call, exchange, target, listener)
            except Ended as end:
                raise end.error(call) from None
            finally:
                self._heart.forget(exchange.driver)
                exchange.remove()

    async def _perform(self, call: Call, exchange: Exchange, target: Target, listener: Listener) -> Outcome:
        packed = Order.of(call, self._packer, limit_memory=self._limit_memory)
        order = PoolOrder(packed, call.step.label, call.requirements.gpus, target.shares_gpus)
        try:
            digest = await asyncio.to_thread(exchange.open, order)
        except OSError as error:
            raise call.step.store.failure("begin a step", error) from error
        self._heart.remember(exchange.driver)
        run = await _patiently(lambda api: self._create(api, call, exchange, target, digest))
        self._runs[run.id], self._exchanges[run.id] = run, exchange
        try:
            return await self._follow(run, exchange, order.key, target, listener)
        except Ended as end:
            await self._finish(run.id, Crashed(message=end.why), force=True)
            raise
        except BaseException:
            exchange.remove()  # a run that has begun ends by this; the pool cancels one that has not
            await self._finish(run.id, Cancelling(message="The flow that wanted this step has ended."))
            raise
        finally:
            del self._runs[run.id], self._exchanges[run.id]

    async def _create(self, api: PrefectClient, call: Call, exchange: Exchange, target: Target, digest: str) -> FlowRun:
        label = call.step.label
        parent = None
        if call.flow_run_id is not None:
            # What Prefect makes itself of a flow that a flow calls: a task run that stands for it, by which the UI
            # finds it. The step's own task run would take over the states of each attempt.
            placeholder = Task(_nothing, name=label)
            placeholder.task_key = f"{NAME}.{target.pool}"
            flow_run, one = UUID(call.flow_run_id), call.partial.name
            parent = (await api.create_task_run(placeholder, flow_run, one, name=label, state=Pending())).id
        return await api.create_flow_run_from_deployment(
            target.deployment,
            parameters={"call": str(exchange.folder), "digest": digest},
            name=label,
            parent_task_run_id=parent,
            job_variables=job_variables(call.requirements, target.template, self._variables),
            idempotency_key=call.partial.name,
        )

    async def _follow(
        self, run: FlowRun, exchange: Exchange, key: bytes, target: Target, listener: Listener
    ) -> Outcome:
        watch = Watch(exchange, self._pool, target.queues)
        offset, wait = 0, _LOOK_EVERY_S[0]
        while True:
            known = await self._ask(run.id)
            end, answer, (events, offset) = await asyncio.to_thread(_look, exchange, watch, known, key, offset)
            for event in events:
                listener(event)
            if isinstance(answer, Outcome):
                return answer
            if answer is not None:
                raise answer
            if end is not None:
                raise end
            if known is not None and known.state is not None and known.state.type in _WAITING:
                await target.say_what_it_waits_for()
            await asyncio.sleep(wait)
            wait = min(1.2 * wait, _LOOK_EVERY_S[1])

    async def _ask(self, run_id: UUID) -> FlowRun | None:
        """A run as the server knows it; one question for all runs every few seconds."""
        async with self._asking:
            if time.monotonic() - self._asked > _ASK_EVERY_S:
                ids = list(self._runs)
                with contextlib.suppress(httpx.HTTPError):  # it may be starting again; the runs go on without it
                    async with AsyncClientContext.get_or_create() as context:
                        these = FlowRunFilter(id=FlowRunFilterId(any_=ids))
                        found = {run.id: run for run in await context.client.read_flow_runs(flow_run_filter=these)}
                    self._runs |= {each: found.get(each) for each in ids if each in self._runs}
                self._asked = time.monotonic()
            return self._runs[run_id]

    async def _finish(self, run_id: UUID, state: State[Any], force: bool = False) -> None:
        with anyio.move_on_after(10, shield=True), contextlib.suppress(Exception):
            async with AsyncClientContext.get_or_create() as context:
                await context.client.set_flow_run_state(run_id, state, force=force)

    def stop(self) -> None:
        """Cancel the runs that are still there."""
        self._heart.stop()
        for run_id, exchange in self._exchanges.items():
            exchange.remove()
            with contextlib.suppress(Exception), get_client(sync_client=True) as client:
                client.set_flow_run_state(run_id, Cancelling(message="The flow that wanted this step has ended."))


def _look(
    exchange: Exchange, watch: Watch, run: FlowRun | None, key: bytes, offset: int
) -> tuple[Ended | None, Answer | None, tuple[list[Progress | LogLine], int]]:
    # In this order: an answer counts even if its run has ended since, and what was told before it is heard before it.
    return watch.end(run), exchange.answer(key), exchange.events(offset)


def _nothing() -> None:
    pass


async def _patiently(ask: Callable[[PrefectClient], Awaitable[T]]) -> T:
    """Ask the server, and ask again while it does not answer, as when it is being started again."""
    until = time.monotonic() + _WITHOUT_SERVER_S
    while True:
        try:
            async with AsyncClientContext.get_or_create() as context:
                return await ask(context.client)
        except httpx.TransportError as error:
            if time.monotonic() > until:
                raise ServerError(
                    f"The Prefect server does not answer any more: {error!r}. Start it (`prefect server start`) and "
                    "run the same command again; what is finished is stored."
                ) from error
            logger.warning("The Prefect server does not answer (%r); asking again.", error)
            await asyncio.sleep(5.0)
