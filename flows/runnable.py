"""Run a runnables document as one Prefect flow; `orepass run` does."""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prefect import flow

from orepass import run_report
from orepass.blocks.launchers.default import DefaultTaskRunner
from orepass.config import Config
from orepass.extensions import loads, sources_of
from orepass.publish import publish
from orepass.report import StepReport
from orepass.run_environment import tell_extensions, tell_resources
from orepass.runnables.as_module import RunnableConfig, runnable


@dataclass(frozen=True)
class RunnableFlowConfig(Config):
    """A runnable, and where people look for what it wrote.

    Attributes:
        name: what it is called.
        runnable: what is run.
        output_dir: where its files are shown.
        resources: files and folders that the run needs, by name, as `orepass.get_env` has them.
    """

    name: str
    runnable: RunnableConfig
    output_dir: str = "outputs/runnable"
    resources: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class RunnableFlowResult:
    """What came of a run.

    Attributes:
        steps: what was in the store and what was computed.
        metric: how good it is, higher is better; None if it does not say.
        files: what it wrote, where people look for it.
    """

    steps: tuple[StepReport, ...]
    metric: float | None
    files: tuple[Path, ...]


@flow(name="runnable", task_runner=DefaultTaskRunner())
async def run_runnable(config: RunnableFlowConfig) -> RunnableFlowResult:
    """Run a runnable to its end, unless it is in the store, and show its files."""
    tell_resources(config.resources)
    tell_extensions(sources_of(loads(config.runnable.extensions)))
    result = await runnable.schedule(config.runnable, label=config.name)
    written = sorted(path for path in result.folder.rglob("*") if path.is_file())
    outputs = Path(config.output_dir)
    files = [publish(path, outputs / path.relative_to(result.folder).parent) for path in written]
    return RunnableFlowResult(tuple(run_report().steps), result.metric, tuple(files))
