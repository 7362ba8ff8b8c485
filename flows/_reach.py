"""Which results of a store pipelines still stand on."""

from __future__ import annotations

from collections.abc import Sequence

from orepass.flows._pipeline_file import read_pipeline_file
from orepass.pipelines.states import State, survey
from orepass.store import Store


def reachable(files: Sequence[str], store: Store) -> tuple[set[str], list[str]]:
    """The results of pipelines as they stand now.

    Args:
        files: pipeline files.
        store: where the results are.

    Returns:
        `module/key` of all results whose keys are known; and the nodes, as `file: node`, whose results cannot be told,
        because something that they take in is not done.

    Raises:
        ConfigError: there is no such file, or it cannot be used.
    """
    names: set[str] = set()
    unknown: list[str] = []
    for file in files:
        standings = survey(read_pipeline_file(file, ()).pipeline.nodes, store).standings
        names |= {step.entry.name for standing in standings.values() for step in standing.steps}
        waiting = (one for one in standings.values() if one.state is State.WAITING and not one.is_adapter)
        unknown += [f"{file}: {standing.node.name}" for standing in waiting]
    return names, unknown
