"""Running nodes: side by side where nothing joins them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.modules import Module
from orepass.pipelines.conversion import convert
from orepass.pipelines.expand import Expansion, expand
from orepass.pipelines.graph import Node
from orepass.pipelines.multistage import MultistageModule
from orepass.pipelines.values import arguments_of, output_of
from orepass.side_by_side import as_one


class _Skipped(Exception):
    """A node was not run, because another one failed."""


async def run_nodes(
    wanted: Mapping[str, Node], nodes: Mapping[str, Node], *, keep_going: bool = False
) -> dict[str, Any]:
    """Run nodes, each as soon as those have ended that it takes something from.

    Args:
        wanted: what is run, by name, in order, with all that it takes something from.
        nodes: all nodes of the pipeline.
        keep_going: after a failure, still begin what does not depend on it. Without it only what runs already is
            finished.

    Returns:
        What each node gave.

    Raises:
        StepError: a step failed; an ArrayError if several did.
        ConfigError: an adapter or a configuration refused what it was given.
    """
    runs: dict[str, asyncio.Task[Any]] = {}
    failed = False

    async def run(node: Node) -> Any:
        nonlocal failed
        if node.upstream:
            await asyncio.wait([runs[name] for name in node.upstream])
        try:
            known = {name: runs[name].result() for name in node.upstream}
        except BaseException as error:
            raise _Skipped from error
        if failed and not keep_going:
            raise _Skipped
        try:
            return await run_node(node, nodes, known)
        except BaseException:
            failed = True
            raise

    for node in wanted.values():
        runs[node.name] = asyncio.create_task(run(node), name=node.name)
    results = await asyncio.gather(*runs.values(), return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException) and not isinstance(result, _Skipped)]
    if errors:
        raise as_one(errors)
    return dict(zip(runs, results, strict=True))


async def run_node(node: Node, nodes: Mapping[str, Node], values: Mapping[str, Any]) -> Any:
    """Run one node with what those gave that it takes something from."""
    arguments = arguments_of(node, nodes, values)
    if isinstance(node.type, Module):
        return await node.type.schedule(arguments.config, arguments.over, label=node.name)
    return node.type.arrange(node.name, arguments.config)


async def run_multistage(of: MultistageModule, config: Any, label: str) -> Any:
    """See `MultistageModule.schedule`."""
    expansion = _expanded(of, config, label)
    nodes = {node.name: node for node in expansion.nodes}
    return _outputs(expansion, nodes, await run_nodes(nodes, nodes))


def call_multistage(of: MultistageModule, config: Any) -> Any:
    """See `MultistageModule.__call__`."""
    expansion = _expanded(of, config, of.name)
    nodes = {node.name: node for node in expansion.nodes}
    values: dict[str, Any] = {}
    for node in expansion.nodes:
        arguments = arguments_of(node, nodes, values)
        if not isinstance(node.type, Module):
            values[node.name] = node.type.arrange(node.name, arguments.config)
        elif arguments.over is None:
            values[node.name] = node.type(arguments.config)
        else:
            values[node.name] = [node.type(arguments.config, element) for element in arguments.over]
    return _outputs(expansion, nodes, values)


def _expanded(of: MultistageModule, config: Any, label: str) -> Expansion:
    ports = {**of.signature.inputs, **of.signature.options}
    given = dict(config)
    for name in given:
        if name not in ports:
            raise ConfigError(f"{label}: no option {name!r} in {of.name}. {did_you_mean(name, ports)}")
    for port in ports.values():
        if port.required and port.name not in given:
            raise ConfigError(f"{label}: {port.name!r} of {of.name} is required, but not given.")
    for name, value in given.items():
        for datatype in ports[name].datatypes:
            given[name] = convert(value, datatype, f"{label}: {name}")
    return expand(label, of, {}, given)


def _outputs(expansion: Expansion, nodes: Mapping[str, Node], values: Mapping[str, Any]) -> Any:
    outputs = {
        name: output_of(nodes[source.node], values[source.node], source.output)
        for name, source in expansion.outputs.items()
    }
    return outputs if len(outputs) > 1 else next(iter(outputs.values()))
