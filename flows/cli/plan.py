"""`orepass plan`: what would run and why, and what that took before."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Collection, Sequence
from typing import Any

from orepass.explain import explain_miss
from orepass.flows._ending import DONE
from orepass.flows.cli._pipelines import Asked, add_arguments, asked
from orepass.flows.cli.tables import print_rows
from orepass.pipelines.graph import downstream
from orepass.pipelines.selection import blockers, find_target
from orepass.pipelines.states import Standing, State, survey
from orepass.record import Record
from orepass.store import Store

_RECORDS = 100
_COLUMNS = {
    "module": "module",
    "action": "",
    "steps": "steps",
    "seconds": "seconds",
    "memory_bytes": "memory",
    "why": "why",
}


def add_to(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "plan",
        help="what would run and why, and what that took before",
        description="Tell what `orepass run` would do. Seconds are the sum over all steps, memory is the most that one "
        "step took, both from the newest results of the same module.",
    )
    add_arguments(parser, "what the plan is of; everything, if not given")
    parser.add_argument("--force", action="store_true", help="as if it were forced")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=lambda arguments: show(asked(arguments), force=arguments.force, as_json=arguments.json))


def show(
    request: Asked,
    *,
    force: bool,
    as_json: bool,
    only: Collection[str] | None = None,
    standings: dict[str, Standing] | None = None,
) -> int:
    """Print what a run would do.

    Args:
        request: what was asked for.
        force: as if it were forced.
        as_json: as JSON.
        only: nodes that it is to be told of; all that were asked for, if not given.
        standings: how all nodes stand, if that was looked up already.
    """
    nodes = request.file.pipeline.nodes
    standings = standings or survey(nodes, request.store).standings
    named = {node for name in request.names for node in find_target(request.file.pipeline, name).nodes}
    wanted = (named or set(nodes)) if only is None else set(only)
    forced = wanted | downstream(nodes, wanted) if force else set()
    rows = [
        _row(standing, standings, request.store, name in forced)
        for name, standing in standings.items()
        if name in wanted and not standing.is_adapter
    ]
    print_rows(rows, _COLUMNS, as_json)
    return DONE


def _row(standing: Standing, standings: dict[str, Standing], store: Store, forced: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"module": standing.node.name, "steps": len(standing.steps) or None}
    if standing.done and not forced:
        return row | {"action": "cached", "why": None, "seconds": None, "memory_bytes": None}
    left = len(standing.steps) - (0 if forced else len(standing.records))
    row |= {"action": "run", "why": "forced" if forced else _why(standing, standings)}
    if standing.steps and not forced:
        row["steps_text"] = f"{left} of {len(standing.steps)}"
    earlier = list(itertools.islice(store.records(standing.node.type.name), _RECORDS))
    return row | _estimate(earlier, left if standing.steps else None)


def _why(standing: Standing, standings: dict[str, Standing]) -> str:
    if standing.state is State.WAITING:
        return f"after {', '.join(blockers(standing, standings))}"
    if not standing.steps and standing.problem:
        return standing.problem
    done = {record.key for record in standing.records}
    missing = next(step for step in standing.steps if step.key.digest not in done)
    return explain_miss(missing).removeprefix("miss: ")


def _estimate(earlier: Sequence[Record], steps: int | None) -> dict[str, Any]:
    """What so many steps will take; of a number that is not known yet, what one of them takes."""
    if not earlier:
        return {"seconds": None, "memory_bytes": None}
    one = statistics.median(record.seconds for record in earlier)
    seconds = one * (1 if steps is None else steps)
    memory = max((record.peak_memory_bytes or 0 for record in earlier), default=0)
    return {
        "seconds": seconds,
        "seconds_text": f"{seconds:.1f}" + (" each" if steps is None else ""),
        "memory_bytes": memory or None,
        "memory_bytes_text": f"{memory / 2**20:,.0f} MiB" if memory else None,
    }
