"""Submits orders to Dask several at a time: a graph of one task costs the scheduler's loop as much as one of many."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from distributed import Client, Future

from orepass.blocks.launchers.dask_worker import run_order
from orepass.blocks.launchers.orders import Order

_GATHER_S = 0.05


@dataclass
class _Submission:
    order: Order
    key: str
    needs: tuple[int, list[tuple[str, float]]]
    task: asyncio.Future[Future]


class Batches:
    """The way of orders to a Dask cluster.

    Args:
        client: of the cluster.
        topic: see `run_order`.
    """

    def __init__(self, client: Client, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._gathered: list[_Submission] = []

    async def submit(
        self, order: Order, key: str, gpus: int, resources: Mapping[str, float], *, at_once: bool
    ) -> Future:
        """Submit an order, together with others that come within a moment.

        Args:
            order: what to run.
            key: the name of its Dask task.
            gpus: how many GPUs it needs.
            resources: what its worker has to have free.
            at_once: whether workers may be idle, so that it shall not wait for others.

        Raises:
            Exception: whatever Dask raises when the scheduler is gone.
        """
        loop = asyncio.get_running_loop()
        submission = _Submission(order, key, (gpus, sorted(resources.items())), loop.create_future())
        self._gathered.append(submission)
        if at_once or len(self._gathered) == 1:
            loop.call_later(0 if at_once else _GATHER_S, self._send)
        try:
            return await submission.task
        except asyncio.CancelledError:
            if not submission.task.cancelled():  # it was submitted in this very moment
                submission.task.result().cancel()
            raise

    def _send(self) -> None:
        batch, self._gathered = [one for one in self._gathered if not one.task.done()], []
        for (gpus, resources), alike in groupby(batch, lambda one: one.needs):
            same = [*alike]
            try:
                tasks = self._client.map(
                    run_order,
                    [one.order for one in same],
                    key=[one.key for one in same],
                    gpus=gpus,
                    topic=self._topic,
                    pure=False,
                    resources=dict(resources),
                )
            except Exception as error:
                for one in same:
                    one.task.set_exception(error)
            else:
                for one, task in zip(same, tasks, strict=True):
                    one.task.set_result(task)
