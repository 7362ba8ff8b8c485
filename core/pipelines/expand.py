"""From a module at its place in a pipeline to flat nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orepass.pipelines.graph import Link, Node, Source
from orepass.pipelines.multistage import MultistageModule
from orepass.pipelines.stages import FromOutside
from orepass.pipelines.types import Type


@dataclass(frozen=True)
class Expansion:
    """What a module at its place in a pipeline stands for.

    Attributes:
        name: of the place.
        nodes: flat, each after those of the same place that it takes something from.
        outputs: which output of which node is meant by each of its outputs.
        default_output: the output that is meant where none is named.
        stages: the same of each stage, by the stage's name; none for a module that has no stages.
    """

    name: str
    nodes: tuple[Node, ...]
    outputs: Mapping[str, Source]
    default_output: str
    stages: Mapping[str, Expansion] = field(default_factory=dict)


def expand(name: str, of: Type, inputs: Mapping[str, Link], options: Mapping[str, Any]) -> Expansion:
    """Make flat nodes, called `name:stage`, of a multistage module, and one node of anything else.

    Args:
        name: of the place.
        of: what stands there.
        inputs: what its inputs are linked to.
        options: its options that are given, and inputs that are given as values.
    """
    if not isinstance(of, MultistageModule):
        node = Node(name, of, inputs, options)
        outputs = {output: Source(name, output) for output in of.signature.outputs}
        return Expansion(name, (node,), outputs, of.signature.default_output)
    given = {name: _given(of, name, options) for name in of.stages}
    stages: dict[str, Expansion] = {}
    for stage in of.stages.values():
        linked: dict[str, Link] = {}
        for to, end in of.wiring[stage.name].items():
            if not isinstance(end, FromOutside):
                linked[to] = Link((stages[end.stage].outputs[end.output],))
            elif end.name in inputs:
                linked[to] = inputs[end.name]
            elif end.name in options:
                given[stage.name][to] = options[end.name]
        stages[stage.name] = expand(f"{name}:{stage.name}", stage.module, linked, given[stage.name])
    nodes = tuple(node for stage in stages.values() for node in stage.nodes)
    outputs = {output: stages[at.stage].outputs[at.output] for output, at in of.sources.items()}
    return Expansion(name, nodes, outputs, of.signature.default_output, stages)


def _given(whole: MultistageModule, stage: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a stage that those of the whole set; its own defaults are left to it."""
    signature = whole.stages[stage].module.signature
    found = {}
    for name, places in whole.places.items():
        for place in places:
            if place.stage == stage:
                own = (signature.options.get(place.option) or signature.inputs[place.option]).default
                value = options.get(name, whole.signature.options[name].default)
                if name in options or value is not own:
                    found[place.option] = value
    return found
