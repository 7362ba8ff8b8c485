"""The flat form of a multistage module computes what its definition says, however it is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orepass.pipelines import (
    Adapter,
    InternalModuleConnection,
    ModuleInputConnection,
    ModuleOutputConnection,
    ModuleStage,
    MultistageModule,
    Parameter,
    adapter,
    multistage_module,
)
from orepass.pipelines.expand import Expansion, expand
from orepass.pipelines.signature import Input
from orepass.pipelines.stages import FromOutside
from orepass.pipelines.values import arguments_of, output_of


@adapter
def one(a: Input[str], x: int = 1) -> str:
    return f"one({a},{x})"


@adapter
def two(a: Input[str], b: Input[str], x: int = 2, y: int = 3) -> str:
    return f"two({a},{b},{x},{y})"


@adapter
def none(x: int = 4) -> str:
    return f"none({x})"


Any_ = Adapter[..., Any] | MultistageModule


@st.composite
def multistage_modules(draw: st.DrawFn, depth: int = 2) -> MultistageModule:
    """Some stages, each input of which comes from any stage before or from outside, under names that they may share."""
    stages: list[ModuleStage] = []
    for position in range(draw(st.integers(1, 4))):
        plain = st.sampled_from([one, two, none])
        kind: Any_ = draw(st.one_of(plain, multistage_modules(depth - 1)) if depth else plain)
        connections: list[InternalModuleConnection | ModuleInputConnection] = []
        for to in kind.signature.inputs:
            before = draw(st.sampled_from([None, *stages]))
            if before is None:
                connections.append(ModuleInputConnection(to, draw(st.sampled_from([None, "p", "q"]))))
            else:
                output = draw(st.sampled_from([None, *before.module.signature.outputs]))
                connections.append(InternalModuleConnection(to, output, before.name))
        outputs = [
            ModuleOutputConnection(output, f"o{position}{output}")
            for output in kind.signature.outputs
            if draw(st.booleans())
        ]
        stages.append(ModuleStage(f"s{position}", kind, connections, outputs))
    options = list(multistage_module("m", stages).signature.options)
    joined = draw(st.lists(st.sampled_from(options), unique=True, max_size=3)) if options else []
    default = draw(st.integers(50, 59))
    return multistage_module("m", stages, [Parameter("joined", joined, default=default)] if joined else [])


def interpret(of: Any_, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs, computed along the definition itself."""
    if isinstance(of, Adapter):
        return {"result": of(**inputs, **options)}
    done: dict[str, dict[str, Any]] = {}
    for stage in of.stages.values():
        into = {
            to: inputs[end.name] if isinstance(end, FromOutside) else done[end.stage][end.output]
            for to, end in of.wiring[stage.name].items()
        }
        own = {
            place.option: options.get(name, of.signature.options[name].default)
            for name, places in of.places.items()
            for place in places
            if place.stage == stage.name
        }
        done[stage.name] = interpret(stage.module, into, own)  # type: ignore[arg-type]
    return {output: done[at.stage][at.output] for output, at in of.sources.items()}


def evaluate(expansion: Expansion) -> dict[str, Any]:
    """The outputs, computed node by node."""
    nodes = {node.name: node for node in expansion.nodes}
    values: dict[str, Any] = {}
    for node in expansion.nodes:
        values[node.name] = node.type(**arguments_of(node, nodes, values).config)
    return {
        name: output_of(nodes[source.node], values[source.node], source.output)
        for name, source in expansion.outputs.items()
    }


@settings(max_examples=150, deadline=None)
@given(multistage_modules(), st.data())
def test_flat_nodes_compute_what_the_stages_mean(whole: MultistageModule, data: st.DataObject) -> None:
    inputs = {name: f"<{name}>" for name in whole.signature.inputs}
    options = {name: data.draw(st.integers(10, 49)) for name in whole.signature.options if data.draw(st.booleans())}
    expansion = expand("top", whole, {}, {**inputs, **options})
    assert evaluate(expansion) == interpret(whole, inputs, options)


@settings(max_examples=50, deadline=None)
@given(multistage_modules())
def test_flat_nodes_are_named_by_their_stages_and_come_in_order(whole: MultistageModule) -> None:
    expansion = expand("top", whole, {}, {})
    names = [node.name for node in expansion.nodes]
    assert len(set(names)) == len(names)
    assert all(name.startswith("top:") for name in names)
    for position, node in enumerate(expansion.nodes):
        assert set(node.upstream) <= set(names[:position])
    assert list(expansion.stages) == list(whole.stages)


def test_a_module_without_stages_is_one_node() -> None:
    expansion = expand("top", one, {}, {"a": "v"})
    assert [node.name for node in expansion.nodes] == ["top"]
    assert evaluate(expansion) == {"result": "one(v,1)"}
