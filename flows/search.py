"""Search for the best arguments of a runnable, as one Prefect flow; `orepass run` does, on `!Search`."""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import flow

from orepass import run_report
from orepass.blocks.launchers.default import DefaultTaskRunner
from orepass.config import Config
from orepass.flows._search_report import TrialRow, publish_search, rows_of
from orepass.report import StepReport
from orepass.run_environment import tell_extensions, tell_resources
from orepass.runnables.search import SearchConfig, schedule_search


@dataclass(frozen=True)
class SearchFlowConfig(Config):
    """A search, and where people look for what it found.

    Attributes:
        name: what it is called.
        search: what is searched, and how.
        sources: where the extensions are from, by module, for the document of the best trial.
        output_dir: where the files are shown.
        resources: files and folders that the run needs, by name, as `orepass.get_env` has them.
    """

    name: str
    search: SearchConfig
    sources: Mapping[str, str] = field(default_factory=dict)
    output_dir: str = "outputs/search"
    resources: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchFlowResult:
    """What came of a search.

    Attributes:
        steps: what was in the store and what was computed.
        trials: all trials by number.
        ranked: the numbers of those that did not fail, the best first.
        params: the values of the best one.
        metric: what that came to.
        files: the best configuration, the table, the page, and in `best/` what the best trial wrote.
    """

    steps: tuple[StepReport, ...]
    trials: tuple[TrialRow, ...]
    ranked: tuple[int, ...]
    params: dict[str, Any]
    metric: float
    files: tuple[Path, ...]


@flow(name="search", task_runner=DefaultTaskRunner())
async def run_search_flow(config: SearchFlowConfig) -> SearchFlowResult:
    """Run the trials of a search that are not in the store, and show what is best."""
    tell_resources(config.resources)
    tell_extensions(config.sources)
    result = await schedule_search(config.search)
    folder = Path(config.output_dir)
    files = await publish_search(result, config.search, config.name, config.sources, folder)
    best = result.best
    assert best.metric is not None
    ranked = tuple(trial.number for trial in result.ranked)
    return SearchFlowResult(tuple(run_report().steps), rows_of(result), ranked, dict(best.params), best.metric, files)
