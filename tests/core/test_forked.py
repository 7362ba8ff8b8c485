from __future__ import annotations

import asyncio
import multiprocessing

from prefect import flow

from orepass import module


@module
def one(config: int) -> int:
    return 1


def test_a_process_that_is_forked_after_a_flow_ends_well(api: str) -> None:
    @flow
    async def once() -> None:
        await one.schedule(1)

    asyncio.run(once())
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join(60)
    assert process.exitcode == 0
