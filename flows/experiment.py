"""Run an experiment as one Prefect flow; `orepass run` does, on `!Experiment`."""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import flow

from orepass import run_report
from orepass.blocks.launchers.default import DefaultTaskRunner
from orepass.config import Config
from orepass.drawing import drawn
from orepass.errors import ConfigError, StepError
from orepass.extensions import Installed, dumps, loads, sources_of
from orepass.publish import publish, publish_text
from orepass.report import StepReport
from orepass.requirements import Requirements
from orepass.run_environment import tell_extensions, tell_resources
from orepass.runnables.as_module import check_files
from orepass.runnables.experiment import experiment_of
from orepass.runnables.experiment_graph import graph_of
from orepass.runnables.experiment_plan import Stage
from orepass.runnables.experiment_report import write_tables
from orepass.runnables.experiment_result import ExperimentResult
from orepass.runnables.json_form import from_json, to_json
from orepass.runnables.link import Link
from orepass.runnables.tree import Call, Place
from orepass.runnables.walking import links, with_links


@dataclass(frozen=True)
class ExperimentFlowConfig(Config):
    """An experiment, and where people look for what it wrote.

    Attributes:
        tree: the experiment, as `to_json` gives it.
        places: where its links are written: file, line and column.
        extensions: where they are, as `orepass.extensions.dumps` gives it.
        allow: what may be named beside our own names and the extensions.
        folder: where relative names of scripts begin.
        requires: what a run needs where nothing is said for its stage.
        output_dir: where the files are shown.
        resources: files and folders that the run needs, by name, as `orepass.get_env` has them.
    """

    tree: Mapping[str, Any]
    places: Mapping[str, tuple[str, int, int]] = field(default_factory=dict)
    extensions: str = "[]"
    allow: tuple[str, ...] = ()
    folder: str = ""
    requires: Requirements = field(default_factory=Requirements)
    output_dir: str = "outputs/experiment"
    resources: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class ExperimentFlowResult:
    """What came of an experiment.

    Attributes:
        steps: what was in the store and what was computed.
        lines: a line for each stage.
        files: the table of variants as .tsv and .json, their graph as .svg, and what those wrote that nothing links to.
    """

    steps: tuple[StepReport, ...]
    lines: tuple[str, ...]
    files: tuple[Path, ...]


@flow(name="experiment", task_runner=DefaultTaskRunner())
async def run_experiment(config: ExperimentFlowConfig) -> ExperimentFlowResult:
    """Run what of an experiment is not in the store, and show its variants and the files of the last stages.

    Raises:
        StepError: variants failed; what is finished is stored, and the tables tell of all.
    """
    tell_resources(config.resources)
    installed = loads(config.extensions)
    tell_extensions(sources_of(installed))
    experiment = experiment_of(_tree(config), installed, config.allow)
    result = await experiment.schedule(
        installed, allow=config.allow, folder=Path(config.folder), requires=config.requires
    )
    outputs = Path(config.output_dir)
    tables = write_tables(result, outputs)
    graph = publish_text(drawn(graph_of(result)), outputs / "experiment.svg")
    files = (*tables, graph, *_published(result, outputs))
    if result.failed:
        counts = f"{len(result.failed)} of {len(result.variants)} variants failed; what is finished is stored"
        about = f"{counts}, and the same command goes on from there. All are in {tables[0]} and {graph}."
        raise StepError("\n".join([about, *result.lines()]))
    return ExperimentFlowResult(tuple(run_report().steps), tuple(result.lines()), files)


def experiment_config(
    call: Call,
    installed: Sequence[Installed],
    *,
    allow: Sequence[str],
    folder: Path,
    requires: Requirements,
) -> tuple[ExperimentFlowConfig, tuple[Stage, ...]]:
    """The flow's configuration for an experiment, and its stages, all of it checked.

    Raises:
        ConfigError: something of it cannot work; says where it is written.
    """
    stages = experiment_of(call, installed, allow).plan(installed, allow)
    check_files(call, folder.absolute())
    places = {str(link): link.place for link in links(call).values() if link.place}
    config = ExperimentFlowConfig(
        tree=to_json(call),
        places={text: (place.file, place.line, place.column) for text, place in places.items()},
        extensions=dumps(installed),
        allow=tuple(allow),
        folder=str(folder.absolute()),
        requires=requires,
    )
    return config, stages


def _tree(config: ExperimentFlowConfig) -> Call:
    tree = from_json(config.tree)
    placed = {Link.read(text): Link.read(text, Place(*place)) for text, place in config.places.items()}
    call = with_links(tree, placed)
    if not isinstance(call, Call):
        raise ConfigError(f"The flow's `tree` is no Experiment, but {tree!r:.200}.")
    return call


def _published(result: ExperimentResult, outputs: Path) -> list[Path]:
    linked = {parent for stage in result.stages for parent in stage.parents}
    files = []
    for variant in result.variants:
        if variant.stage in linked or variant.result is None or not variant.kept:
            continue
        folder = variant.result.folder
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            files.append(publish(path, outputs / variant.name / path.relative_to(folder).parent))
    return files
