"""The flat form of a pipeline: nodes, and the links between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from orepass.errors import ConfigError
from orepass.modules import Module
from orepass.pipelines.adapter import Adapter


@dataclass(frozen=True)
class Source:
    """An output of a node."""

    node: str
    output: str


@dataclass(frozen=True)
class Link:
    """Where an input gets its value.

    Attributes:
        sources: the outputs; one, or, where `many`, any number.
        many: the input gets a list: of the single values, and of the members of those that are lists themselves.
    """

    sources: tuple[Source, ...]
    many: bool = False


@dataclass(frozen=True)
class Node:
    """A module or an adapter at its place in a pipeline.

    Attributes:
        name: `instance`, or for a stage of a multistage module `instance:stage`.
        type: what it runs.
        inputs: what is linked to something.
        options: all other values that are given, those of inputs included.
    """

    name: str
    type: Module[..., Any] | Adapter[..., Any]
    inputs: Mapping[str, Link] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def upstream(self) -> tuple[str, ...]:
        """Names of the nodes that it takes something from."""
        names = (source.node for link in self.inputs.values() for source in link.sources)
        return tuple(dict.fromkeys(names))


def in_order(nodes: Iterable[Node]) -> dict[str, Node]:
    """The nodes by name, each after those that it takes something from, else as they come.

    Raises:
        ConfigError: some take from one another in a circle.
    """
    by_name = {node.name: node for node in nodes}
    try:
        TopologicalSorter({name: node.upstream for name, node in by_name.items()}).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ConfigError(f"The modules go round in a circle: {circle}. Cut one of these connections.") from None
    ordered: dict[str, Node] = {}
    waiting = list(reversed(by_name))
    while waiting:
        before = [name for name in by_name[waiting[-1]].upstream if name not in ordered]
        if before:
            waiting += reversed(before)
        else:
            name = waiting.pop()
            ordered[name] = by_name[name]
    return ordered


def downstream(nodes: Mapping[str, Node], of: Iterable[str]) -> set[str]:
    """Names of all nodes that take something from those named, however indirectly; these themselves are not in it.

    Args:
        nodes: all nodes, in order.
        of: names.
    """
    reached = set(of)
    for name, node in nodes.items():
        if reached & set(node.upstream):
            reached.add(name)
    return reached - set(of)


def needed_by(nodes: Mapping[str, Node], of: Iterable[str]) -> dict[str, Node]:
    """The nodes named and all that they take something from, however indirectly, in order.

    Args:
        nodes: all nodes, in order.
        of: names.
    """
    reached = set(of)
    for name in reversed(list(nodes)):
        if name in reached:
            reached |= set(nodes[name].upstream)
    return {name: node for name, node in nodes.items() if name in reached}
