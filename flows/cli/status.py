"""`orepass status`: how the modules of a pipeline stand."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from orepass.flows._ending import DONE, console
from orepass.flows.cli._graph import write_graph
from orepass.flows.cli._pipelines import add_arguments, asked
from orepass.flows.cli.tables import print_rows
from orepass.pipelines.selection import blockers, find_target
from orepass.pipelines.states import Standing, State, survey


def add_to(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("status", help="how the modules of a pipeline stand")
    add_arguments(parser, "whose state is told; everything, if not given")
    parser.add_argument("--graph", metavar="OUT.svg", type=Path, help="draw the pipeline to this file")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    request = asked(arguments)
    nodes = request.file.pipeline.nodes
    standings = survey(nodes, request.store).standings
    wanted = {node for name in request.names for node in find_target(request.file.pipeline, name).nodes} or set(nodes)
    rows = [_row(standings[name], standings) for name in nodes if name in wanted and not standings[name].is_adapter]
    print_rows(rows, {"module": "module", "state": "state", "steps": "steps", "detail": ""}, arguments.json)
    if arguments.graph is not None:
        write_graph(arguments.graph, standings)
        console.print(f"Graph: {arguments.graph}", markup=False)
    return DONE


def _row(standing: Standing, standings: dict[str, Standing]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "module": standing.node.name,
        "type": standing.node.type.name,
        "state": standing.state.value,
        "done": len(standing.records),
        "of": len(standing.steps) or None,
        "waits_for": blockers(standing, standings),
        "running": [str(place) for place in standing.working or standing.owners],
        "problem": standing.problem or None,
    }
    return row | {"steps_text": _steps(standing), "detail_text": _detail(standing, row)}


def _steps(standing: Standing) -> str:
    if not standing.steps or (len(standing.steps) == 1 and not standing.done):
        return ""
    return str(len(standing.steps)) if standing.done else f"{len(standing.records)} of {len(standing.steps)}"


def _detail(standing: Standing, row: dict[str, Any]) -> str:
    if standing.state is State.WAITING:
        return f"waits for {', '.join(row['waits_for'])}"
    if standing.state is State.RUNNING:
        places = "; ".join(dict.fromkeys(row["running"]))
        return places if standing.working else f"waits for a worker of {places}"
    return standing.problem
