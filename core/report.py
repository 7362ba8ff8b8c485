"""What a flow run found in the store and what it computed, step by step."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.artifacts import acreate_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.context import FlowRunContext

logger = logging.getLogger(__name__)
_RUNS_REMEMBERED = 64


@dataclass(frozen=True)
class StepReport:
    """One call of `schedule`.

    Attributes:
        step: the module and what tells this run of it from others.
        cached: how many results were in the store.
        computed: how many were computed.
        failed: how many failed.
        seconds: wall-clock seconds of the call.
        saved_seconds: what the results out of the store took when they were computed, added up.
    """

    step: str
    cached: int
    computed: int
    failed: int
    seconds: float
    saved_seconds: float


@dataclass
class RunReport:
    """The steps of one flow run in the order in which they ended."""

    steps: list[StepReport] = field(default_factory=list)
    _artifact: UUID | None = None
    _publishing: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def add(self, step: StepReport) -> None:
        """Note one more step."""
        self.steps.append(step)

    @property
    def all_cached(self) -> bool:
        """Whether nothing had to be computed."""
        return bool(self.steps) and all(step.computed == step.failed == 0 for step in self.steps)

    async def publish(self) -> None:
        """Show the report as one table artifact of the flow run; a server that fails is only warned of."""
        async with self._publishing:  # parts of a flow end side by side, and there is to be one artifact
            await self._publish()

    async def _publish(self) -> None:
        rows: list[dict[str, Any]] = [
            {
                "step": step.step,
                "from cache": step.cached,
                "computed": step.computed,
                "failed": step.failed,
                "seconds": round(step.seconds, 2),
                "seconds saved": round(step.saved_seconds, 1),
            }
            for step in self.steps
        ]
        try:
            if self._artifact is None:
                self._artifact = await acreate_table_artifact(
                    table=rows, key="cache-summary", description="What was in the store, and what was computed."
                )
            else:
                async with get_client() as client:
                    await client.update_artifact(self._artifact, ArtifactUpdate(data=json.dumps(rows)))
        except Exception as error:  # whatever the server's trouble is, the results are stored and the run goes on
            logger.warning("The cache summary could not be shown in the UI: %s", error)


_reports: OrderedDict[UUID, RunReport] = OrderedDict()


def run_report() -> RunReport:
    """The report of the flow run that is going on; outside of one a new, empty one."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return RunReport()
    report = _reports.setdefault(context.flow_run.id, RunReport())
    while len(_reports) > _RUNS_REMEMBERED:
        _reports.popitem(last=False)
    return report
