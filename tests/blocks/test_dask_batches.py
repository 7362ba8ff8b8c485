"""How steps are submitted to Dask: several at a time. That they come back is what the launchers' tests are for."""

from __future__ import annotations

import asyncio
from typing import Any

from orepass.blocks.launchers.dask_batches import Batches


class Dask:
    """Takes what a `distributed.Client` would be given."""

    def __init__(self) -> None:
        self.graphs: list[tuple[list[str], dict[str, float]]] = []
        self.gone = False

    def map(self, function: Any, orders: list[Any], *, key: list[str], resources: Any, **same: Any) -> list[str]:
        if self.gone:
            raise RuntimeError("the scheduler is gone")
        self.graphs.append((key, resources))
        return [f"task of {name}" for name in key]


def submit(batches: Batches, name: str, *, cpus: float = 1, at_once: bool = False) -> asyncio.Task[Any]:
    order: Any = None
    return asyncio.create_task(batches.submit(order, name, 0, {"cpus": cpus}, at_once=at_once))


async def test_what_comes_in_a_moment_is_one_graph() -> None:
    dask: Any = Dask()
    batches = Batches(dask, "topic")
    tasks = [submit(batches, name) for name in "abc"]
    assert await asyncio.gather(*tasks) == ["task of a", "task of b", "task of c"]
    assert dask.graphs == [(["a", "b", "c"], {"cpus": 1})]
    assert await submit(batches, "d") == "task of d"


async def test_where_workers_may_be_idle_nothing_waits() -> None:
    dask: Any = Dask()
    batches = Batches(dask, "topic")
    waiting, urgent = submit(batches, "a"), submit(batches, "b", at_once=True)
    await asyncio.wait_for(urgent, 0.02)
    assert await waiting == "task of a"
    assert dask.graphs == [(["a", "b"], {"cpus": 1})]


async def test_steps_that_need_different_things_are_graphs_of_their_own() -> None:
    dask: Any = Dask()
    batches = Batches(dask, "topic")
    await asyncio.gather(submit(batches, "a"), submit(batches, "b", cpus=2), submit(batches, "c", cpus=2))
    assert dask.graphs == [(["a"], {"cpus": 1}), (["b", "c"], {"cpus": 2})]


async def test_what_is_given_up_in_time_is_not_submitted() -> None:
    dask: Any = Dask()
    batches = Batches(dask, "topic")
    first, second = submit(batches, "a"), submit(batches, "b")
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert dask.graphs == [(["b"], {"cpus": 1})]


async def test_everybody_hears_that_the_scheduler_is_gone() -> None:
    dask: Any = Dask()
    dask.gone = True
    batches = Batches(dask, "topic")
    tasks = [submit(batches, "a"), submit(batches, "b")]
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(ended, RuntimeError) and "gone" in str(ended)
    dask.gone = False
    assert await submit(batches, "c") == "task of c"
