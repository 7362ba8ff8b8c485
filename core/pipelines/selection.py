"""What of a pipeline is meant by a name: `module`, `module:stage`, `module:all` (or `:*`), `module:?`."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orepass.errors import ConfigError, NotReadyError, did_you_mean
from orepass.pipelines.document import Pipeline
from orepass.pipelines.expand import Expansion
from orepass.pipelines.stages import ALL
from orepass.pipelines.states import Standing, State

LIST = "?"


class Kind(enum.Enum):
    """What is wanted of the nodes that a name stands for."""

    NEXT = "the next one that is not done and is ready"
    ALL = "all that are not done"
    LIST = "to be told their names"


@dataclass(frozen=True)
class Target:
    """What a name stands for.

    Attributes:
        name: as it was given.
        nodes: names of flat nodes, in order.
        kind: what is wanted of them.
    """

    name: str
    nodes: tuple[str, ...]
    kind: Kind


def find_target(pipeline: Pipeline, name: str) -> Target:
    """What a name stands for.

    Raises:
        ConfigError: there is no such module or stage.
    """
    first, *rest = name.split(":")
    if first not in pipeline.modules:
        raise ConfigError(f"There is no module {first!r} in this pipeline. {did_you_mean(first, pipeline.modules)}")
    found, kind = pipeline.modules[first], Kind.NEXT
    for position, part in enumerate(rest):
        if part in (*ALL, LIST) and position == len(rest) - 1:
            kind = Kind.LIST if part == LIST else Kind.ALL
        elif part in found.stages:
            found = found.stages[part]
        elif not found.stages:
            raise ConfigError(f"{found.name!r} has no stages, so there is no {name!r}.")
        else:
            raise ConfigError(f"{found.name!r} has no stage {part!r}. {did_you_mean(part, found.stages)}")
    return Target(name, tuple(node.name for node in found.nodes), kind)


def stage_names(expansion: Expansion) -> list[str]:
    """What can be named of a module: the flat nodes, in order."""
    return [node.name for node in expansion.nodes]


def choose(target: Target, standings: Mapping[str, Standing]) -> list[str]:
    """The nodes that are to run now; none if there is nothing left to do.

    Raises:
        NotReadyError: something is left, but it waits for what the name does not stand for.
    """
    left = [standings[name] for name in target.nodes if not standings[name].done and not standings[name].is_adapter]
    if target.kind is Kind.NEXT and left:
        # One that another run computes right now comes last: all that could be done is wait for it.
        ready = sorted((one for one in left if one.ready), key=lambda one: one.state is State.RUNNING)
        if ready:
            return [ready[0].node.name]
        raise NotReadyError(_not_ready(target, left, standings))
    waiting = [one for one in left if set(blockers(one, standings)) - set(target.nodes)]
    if waiting:
        raise NotReadyError(_not_ready(target, waiting, standings))
    return [one.node.name for one in left]


def foresee(targets: Sequence[Target], standings: Mapping[str, Standing]) -> list[str]:
    """The nodes that would run if the targets were run one after the other.

    Raises:
        NotReadyError: one of them is not ready, nor would it be when those before it have run.
    """
    found: list[str] = []
    for target in targets:
        left = [name for name in target.nodes if not standings[name].done and not standings[name].is_adapter]
        left = [name for name in left if name not in found]
        ready = [name for name in left if set(blockers(standings[name], standings)) <= {*found}]
        if target.kind is Kind.ALL:
            inside = {*found, *left}
            ready = left if all(set(blockers(standings[name], standings)) <= inside for name in left) else []
        if left and not ready:
            raise NotReadyError(_not_ready(target, [standings[name] for name in left], standings))
        found += ready if target.kind is Kind.ALL else ready[:1]
    return found


def blockers(standing: Standing, standings: Mapping[str, Standing]) -> list[str]:
    """The modules that a node waits for directly, or through adapters alone."""
    found: dict[str, None] = {}
    for name in standing.waits_for:
        other = standings[name]
        found |= dict.fromkeys(blockers(other, standings) if other.is_adapter and other.waits_for else [name])
    return list(found)


def _not_ready(target: Target, waiting: Sequence[Standing], standings: Mapping[str, Standing]) -> str:
    lines = [f"{target.name} is not ready:"]
    wanted: dict[str, None] = {}
    for one in waiting:
        blocked = blockers(one, standings)
        lines.append(f"  {one.node.name} waits for {', '.join(blocked)}")
        wanted |= dict.fromkeys(name for name in blocked if name not in target.nodes)
    return "\n".join([*lines, f"Run first: {' '.join(wanted)}; or run the pipeline without a name, which runs all."])
