"""A pipeline as a picture: a box for each module, coloured by its state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orepass.atomic import write_atomically
from orepass.drawing import Box, drawn
from orepass.errors import InputError
from orepass.pipelines.states import Standing, State

_COLOURS = {
    State.DONE: "#cdeccf",
    State.READY: "#fff3bf",
    State.WAITING: "#eceff1",
    State.RUNNING: "#cfe2ff",
    State.FAILED: "#ffd3d0",
}
_ADAPTER = "#ffffff"


def write_graph(path: Path, standings: Mapping[str, Standing]) -> None:
    """Draw a pipeline.

    Args:
        path: the file to write, `.svg`.
        standings: how the nodes stand, by name, in order.

    Raises:
        InputError: the file cannot be written.
    """
    picture = drawn({name: _box(standing) for name, standing in standings.items()})
    try:
        write_atomically(path, picture.encode())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"Cannot write the graph to {str(path)!r}: {why}. Give another file.") from error


def _box(standing: Standing) -> Box:
    node = standing.node
    about = f"{node.name}: {standing.problem or standing.state.value}"
    if standing.is_adapter:
        return Box((node.name, node.type.name), about, _ADAPTER, tuple(node.upstream), is_round=True)
    count = f" {len(standing.records)}/{len(standing.steps)}" if len(standing.steps) > 1 else ""
    second = f"{node.type.name} - {standing.state.value}{count}"
    return Box((node.name, second), about, _COLOURS[standing.state], tuple(node.upstream))
