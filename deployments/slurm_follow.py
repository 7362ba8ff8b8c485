"""Waits for the ends of many jobs, and asks Slurm for all of them at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from prefect.logging import get_logger
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS

from orepass.blocks.slurm_jobs import JobState, job_states
from orepass.errors import SlurmError

logger: logging.Logger = get_logger("orepass.slurm")


class Follower:
    """Follows jobs as long as somebody waits for their end.

    Args:
        each_time: awaited whenever Slurm has been asked.
    """

    def __init__(self, each_time: Callable[[], Awaitable[None]]) -> None:
        self._each_time = each_time
        self._waiting: dict[str, asyncio.Future[JobState]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def end_of(self, job_id: str) -> JobState:
        """Wait for a job's end; what Slurm says of it."""
        future = self._waiting.setdefault(job_id, asyncio.get_running_loop().create_future())
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            return await asyncio.shield(future)
        finally:
            self._waiting.pop(job_id, None)

    async def _ask(self) -> None:
        while self._waiting:
            await asyncio.sleep(max(1.0, PREFECT_WORKER_QUERY_SECONDS.value()))
            try:
                states = await asyncio.to_thread(job_states, list(self._waiting))
            except SlurmError as error:
                logger.warning("%s Jobs go on meanwhile.", error)
                continue
            except Exception as error:
                for future in self._waiting.values():
                    future.set_exception(error)
                raise
            for job_id, job in states.items():
                if job.ended and job_id in self._waiting and not self._waiting[job_id].done():
                    self._waiting[job_id].set_result(job)
            try:
                await self._each_time()
            except Exception:  # those who wait for their jobs shall go on to hear of them
                logger.warning("What waits in vain could not be cancelled", exc_info=True)
