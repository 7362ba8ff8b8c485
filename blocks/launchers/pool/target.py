"""The work pool that runs go to, and the deployment by which they get there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.context import AsyncClientContext
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_logger
from prefect.utilities.callables import parameter_schema

from orepass.blocks.launchers.pool.step import ENTRYPOINT, NAME, perform_step
from orepass.blocks.work_pools import PULL_NOTHING, no_such_pool, why_it_waits

_LOOK_EVERY_S = 20.0
# In these a worker starts a run at once, on a machine whose GPUs nobody hands out.
_WITHOUT_QUEUE = ("process", "docker")

logger = get_logger("orepass.pool")


@dataclass
class Target:
    """A pool and the deployment of `perform_step` in it.

    Attributes:
        pool: the pool's name.
        kind: its type.
        template: its base job template.
        deployment: the deployment's id.
    """

    pool: str
    kind: str
    template: Mapping[str, Any]
    deployment: UUID
    _looked: float = 0.0
    _said: set[str] = field(default_factory=set)

    @property
    def shares_gpus(self) -> bool:
        """Whether runs on the same machine see the same GPUs."""
        return self.kind in _WITHOUT_QUEUE

    @property
    def queues(self) -> bool:
        """Whether runs may wait after a worker has taken them."""
        return self.kind != "process"

    async def say_what_it_waits_for(self) -> None:
        """Tell, once, what a person has to do before any run begins."""
        if time.monotonic() - self._looked < _LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        try:
            async with AsyncClientContext.get_or_create() as context:
                pool = await context.client.read_work_pool(self.pool)
                workers = await context.client.read_workers_for_work_pool(self.pool)
        except (httpx.HTTPError, ObjectNotFound):
            return  # what has become of the runs is noticed elsewhere
        for what in why_it_waits(pool, workers):
            self._say(what)

    def _say(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            logger.warning("%s Waiting until then.", what)


async def find_target(api: PrefectClient, name: str) -> Target:
    """A pool by its name, with its deployment, which is made if it is not there.

    Raises:
        ConfigError: there is no such pool.
    """
    try:
        pool = await api.read_work_pool(name)
    except ObjectNotFound:
        others = [other.name for other in await api.read_work_pools()]
        raise no_such_pool(name, others) from None
    deployment = await api.create_deployment(
        flow_id=await api.create_flow_from_name(NAME),
        name=name,
        work_pool_name=name,
        entrypoint=ENTRYPOINT,
        pull_steps=PULL_NOTHING,
        description="Performs the steps that flows run with launcher=gpu send here.",
        parameter_openapi_schema=parameter_schema(perform_step.fn).model_dump_for_openapi(),
        enforce_parameter_schema=True,
    )
    return Target(name, pool.type, pool.base_job_template, deployment)
