"""How the nodes of a pipeline stand: done, ready, waiting, running or failed, as keys and the store tell."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orepass.claims import Owner, owner_of
from orepass.errors import OrepassError
from orepass.modules import Module
from orepass.pipelines.graph import Node
from orepass.pipelines.values import arguments_of
from orepass.record import Record
from orepass.step import Hit, Step, make_steps
from orepass.store import Store, Working
from orepass.work import tail


class State(enum.Enum):
    """How a node stands."""

    DONE = "done"
    READY = "ready"
    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True)
class Standing:
    """How one node stands.

    Attributes:
        node: the node.
        state: how it stands. A failed one is ready, too: it can be run again.
        waits_for: nodes that it takes something from and that are not done.
        steps: what it consists of, as far as its inputs are known; an adapter has none.
        records: of the steps that are done.
        owners: whose runs want its steps right now.
        working: the processes that compute them.
        problem: the last line of the log of its last failure, or why it cannot be used.
    """

    node: Node
    state: State
    waits_for: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    records: tuple[Record, ...] = ()
    owners: tuple[Owner, ...] = ()
    working: tuple[Working, ...] = ()
    problem: str = ""

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return self.state is State.DONE

    @property
    def ready(self) -> bool:
        """Whether it can run now."""
        return self.state in (State.READY, State.FAILED, State.RUNNING)

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter, which runs by itself."""
        return not isinstance(self.node.type, Module)


@dataclass
class Survey:
    """How all nodes stand, and what the done ones gave."""

    standings: dict[str, Standing] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    working: Mapping[str, Working] = field(default_factory=dict)


def survey(nodes: Mapping[str, Node], store: Store) -> Survey:
    """Look how the nodes stand; changes nothing.

    Args:
        nodes: by name, in order.
        store: where results are.
    """
    found = Survey(working=store.working())
    for node in nodes.values():
        found.standings[node.name] = _look(node, nodes, store, found)
    return found


def _look(node: Node, nodes: Mapping[str, Node], store: Store, found: Survey) -> Standing:
    missing = tuple(name for name in node.upstream if not found.standings[name].done)
    if missing:
        return Standing(node, State.WAITING, missing)
    try:
        arguments = arguments_of(node, nodes, found.values)
        if not isinstance(node.type, Module):
            found.values[node.name] = node.type.arrange(node.name, arguments.config)
            return Standing(node, State.DONE)
        steps = tuple(make_steps(node.type, arguments.config, arguments.over, store, node.name))
    except OrepassError as error:
        return Standing(node, State.FAILED, problem=str(error))
    hits = [_hit(step) for step in steps]
    records = tuple(hit.record for hit in hits if hit)
    if len(records) == len(steps):
        values = [hit.result for hit in hits if hit]
        found.values[node.name] = values[0] if arguments.over is None else values
        return Standing(node, State.DONE, (), steps, records)
    undone = [step for step, hit in zip(steps, hits, strict=True) if hit is None]
    owners = tuple(owner for step in undone if (owner := owner_of(step.entry.claim)))
    problem = next((line for step in undone if (line := _last_line(step))), "")
    state = State.RUNNING if owners else State.FAILED if problem else State.READY
    working = tuple(found.working[step.entry.name] for step in undone if step.entry.name in found.working)
    return Standing(node, state, (), steps, records, owners, working if owners else (), problem)


def _hit(step: Step) -> Hit | None:
    """The result, if it is there and can be used; one that cannot stays where it is."""
    try:
        return step.check()
    except OrepassError:
        return None


def _last_line(step: Step) -> str:
    return tail(step.entry.failure).rpartition("\n")[2]
