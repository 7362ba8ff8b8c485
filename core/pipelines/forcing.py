"""Forgetting results, so that they are computed anew."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orepass.errors import NotReadyError, StoreError
from orepass.lineage import made_of
from orepass.modules import Module
from orepass.pipelines.document import Pipeline
from orepass.pipelines.graph import downstream, needed_by
from orepass.pipelines.selection import find_target
from orepass.pipelines.states import State, survey
from orepass.store import Store
from orepass.upkeep import Result, prune, results


def forget(pipeline: Pipeline, names: Sequence[str], store: Store) -> None:
    """Remove the results of what is named, of all if nothing is, and of all that depends on it.

    What depends on it goes also where its new input will turn out to be the old one: who forces a module wants to see
    what comes of it. Where the key of a dependent node is not known, because something else that it takes in is not
    done, all results of its module go that were made of files that go.

    Raises:
        NotReadyError: a name takes something from a later one.
        StoreError: a result is in use by another run, or other results return files of it.
    """
    targets = [find_target(pipeline, name).nodes for name in names]
    wanted = {node for target in targets for node in target} or set(pipeline.nodes)
    wanted |= downstream(pipeline.nodes, wanted)
    _check_order(pipeline, targets, wanted)
    standings = survey(pipeline.nodes, store).standings
    entries = {step.key.digest: step.entry for name in wanted for step in standings[name].steps}
    records = {record.key: record for name in wanted for record in standings[name].records}
    going = {entries[key].name: Result(entries[key], record) for key, record in records.items()}
    for name in pipeline.nodes:
        if name in wanted and standings[name].state is State.WAITING:
            for result in results(store, standings[name].node.type.name):
                if made_of(result.record) & going.keys():
                    going[result.entry.name] = result
    in_use = prune(store, going.values()).in_use
    if in_use:
        raise StoreError(
            f"{in_use[0].entry.name} cannot be forced now: a run in progress needs it, or another result returns files "
            "of it. Run again when no run needs it."
        )


def _check_order(pipeline: Pipeline, targets: Sequence[Sequence[str]], going: Collection[str]) -> None:
    ready: set[str] = set()
    for target in targets:
        ready |= set(target)
        missing = [name for name in needed_by(pipeline.nodes, target) if name in going and name not in ready]
        missing = [name for name in missing if isinstance(pipeline.nodes[name].type, Module)]
        if missing:
            raise NotReadyError(
                f"{target[0]} takes something from {missing[0]}, which is forced later. Name {missing[0]} first."
            )
