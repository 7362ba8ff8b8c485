"""Run a pipeline file as one Prefect flow; `orepass run` does."""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from orepass import current_store, run_report
from orepass.blocks.launchers.default import DefaultTaskRunner
from orepass.config import Config
from orepass.errors import OrepassError
from orepass.flows._published import publish_outputs
from orepass.pipelines.document import Pipeline, read_pipeline
from orepass.pipelines.forcing import forget
from orepass.pipelines.graph import needed_by
from orepass.pipelines.running import run_nodes
from orepass.pipelines.selection import choose, find_target
from orepass.pipelines.states import survey
from orepass.report import StepReport
from orepass.side_by_side import as_one


@dataclass(frozen=True)
class PipelineDocument(Config):
    """What a pipeline file says of the pipeline.

    Attributes:
        modules: the modules by name; see docs/pipelines.md.
        vars: values that the modules refer to as `${vars.NAME}`.
        publish: what is shown in the output folder, `module` or `module.output`.
        output_dir: the output folder.
    """

    modules: Mapping[str, Any]
    vars: Mapping[str, Any] = field(default_factory=dict)
    publish: tuple[str, ...] = ()
    output_dir: str = "outputs/pipeline"


@dataclass(frozen=True)
class PipelineConfig(PipelineDocument):
    """A pipeline, and which part of it is wanted.

    Attributes:
        run: what is run, `module`, `module:stage` or `module:all`, one after the other; everything, if not given.
        force: run it even if it is done; what depends on it is then not done any more.
        keep_going: after a failure, still begin what does not depend on it.
        folder: where Python looks first for the modules, besides what is installed: the pipeline file's folder.
    """

    run: tuple[str, ...] = ()
    force: bool = False
    keep_going: bool = False
    folder: str | None = None


@dataclass(frozen=True)
class PipelineResult:
    """What came of a run.

    Attributes:
        steps: what was in the store and what was computed.
        published: where the published files are, by what `publish` names.
    """

    steps: tuple[StepReport, ...]
    published: Mapping[str, Sequence[Path]]


@flow(name="pipeline", task_runner=DefaultTaskRunner())
async def pipeline(config: PipelineConfig) -> PipelineResult:
    """Run the modules of a pipeline: those that are wanted, one after the other, or all that are not done."""
    if config.folder is not None and config.folder not in sys.path:
        sys.path.append(config.folder)  # workers get this process's path
    found = read_pipeline(config.modules)
    if config.force and not _is_retry():
        forget(found, config.run, current_store())
    if not config.run:
        await run_nodes(found.nodes, found.nodes, keep_going=config.keep_going)
    errors: list[OrepassError] = []
    for name in config.run:
        try:
            await run_target(found, name, keep_going=config.keep_going)
        except OrepassError as error:
            if not config.keep_going:
                raise
            errors.append(error)
    if errors:
        raise as_one(errors)
    values = survey(found.nodes, current_store()).values if config.publish else {}
    published = publish_outputs(found, config.publish, values, Path(config.output_dir))
    return PipelineResult(tuple(run_report().steps), published)


def _is_retry() -> bool:
    """Whether this run was begun before: what it has computed since it forgot all shall stay."""
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.run_count > 1


async def run_target(found: Pipeline, name: str, *, keep_going: bool) -> None:
    """Run what a name stands for, if it is not done.

    Raises:
        NotReadyError: it takes something from modules that are not done.
    """
    standings = survey(found.nodes, current_store()).standings
    chosen = choose(find_target(found, name), standings)
    get_run_logger().info("%s: %s", name, ", ".join(chosen) if chosen else "done, nothing to do")
    # Those before it are done, but are asked for in the way of all runs, so that nobody removes them meanwhile.
    await run_nodes(needed_by(found.nodes, chosen), found.nodes, keep_going=keep_going)
