"""Shows what came of an experiment: a table of all variants, as files and, with a graph, in the Prefect UI."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.context import FlowRunContext

from orepass.drawing import drawn
from orepass.publish import publish_text
from orepass.runnables.experiment_graph import graph_of
from orepass.runnables.experiment_result import ExperimentResult
from orepass.svg import in_markdown

logger = logging.getLogger(__name__)
_COLUMNS = ("variant", "stage", "params", "builds_on", "state", "kept", "metric", "error", "folder")


def write_tables(result: ExperimentResult, folder: Path) -> tuple[Path, Path]:
    """Write the table as `experiment.tsv` and `experiment.json`.

    Returns:
        Both files.

    Raises:
        StoreError: the folder cannot be written.
    """
    rows = result.rows()
    lines = ["\t".join(_COLUMNS), *("\t".join(_cell(row[column]) for column in _COLUMNS) for row in rows)]
    tsv = publish_text("".join(f"{line}\n" for line in lines), folder / "experiment.tsv")
    return tsv, publish_text(json.dumps(rows, indent=2), folder / "experiment.json")


async def show_result(result: ExperimentResult, name: str) -> None:
    """Show the table and the graph in the UI, if this is in a flow run; a server that fails is only warned of."""
    if FlowRunContext.get() is None:
        return
    shown = [{column: _cell(row[column]) for column in _COLUMNS} for row in result.rows()]
    graph = in_markdown(drawn(graph_of(result)), "graph")
    try:
        await acreate_table_artifact(table=shown, key="experiment", description=f"The variants of {name}.")
        await acreate_markdown_artifact(graph, key="experiment-graph", description=f"The graph of {name}.")
    except Exception as error:  # whatever the server's trouble is, both are in the files, too
        logger.warning("The experiment could not be shown in the UI: %s", error)


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        value = [f"{key}={json.dumps(part)}" for key, part in value.items()]
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = ", ".join(map(str, value))
    text = "" if value is None else str(value).partition("\n")[0]
    return text.replace("\t", " ")
