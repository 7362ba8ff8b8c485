"""The values that a node's module is called with: options, and what other nodes gave."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orepass.config import load
from orepass.errors import ConfigError
from orepass.modules import Module
from orepass.pipelines.datatypes import member
from orepass.pipelines.graph import Link, Node, Source
from orepass.pipelines.signature import RESULT, is_dataclass_type


@dataclass(frozen=True)
class Arguments:
    """What a node's module or adapter is called with.

    Attributes:
        config: the configuration; for an adapter, its arguments by name.
        over: the elements of an array; None for a module that does not run over one.
    """

    config: Any
    over: Sequence[Any] | None = None


def arguments_of(node: Node, nodes: Mapping[str, Node], values: Mapping[str, Any]) -> Arguments:
    """What a node is called with, once everything that it takes is known.

    Args:
        node: the node.
        nodes: all nodes by name.
        values: what the nodes that it takes something from gave, by their names.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    given = dict(node.options) | {to: _linked(link, nodes, values) for to, link in node.inputs.items()}
    if not isinstance(node.type, Module):
        return Arguments(given)
    array = node.type.signature.array
    over = list(given.pop(array)) if array is not None else None
    return Arguments(_config(node.type, given), over)


def output_of(node: Node, value: Any, output: str) -> Any:
    """One output of a node, out of all that it gave."""
    if output == RESULT:
        return value
    if node.type.signature.array is None:
        return getattr(value, output)
    return [getattr(one, output) for one in value]


def check_config(node: Node) -> Iterator[str]:
    """What a node's configuration itself refuses of its options, as far as it can be told without its inputs."""
    if not isinstance(node.type, Module) or not is_dataclass_type(node.type.config_type):
        return
    kind = node.type.config_type
    names = [one.name for one in dataclasses.fields(kind) if one.init]
    given = {name: value for name, value in node.options.items() if name in names}
    unknown = {name: _Unknown() for name in node.inputs if name in names}
    try:
        kind(**given, **unknown)  # of the types that they have to be: that was seen before
    except ConfigError as error:
        yield str(error)
    except (ValueError, AssertionError) as error:
        if not unknown:
            yield str(error)
    except Exception:
        return  # the check needs what only a run will know, and fails then if it has to


class _NotKnown(Exception):
    """A check needs what only a run will know."""


class _Unknown:
    """Stands for the value of an input before anything has run; whoever looks at it is stopped."""

    def _ask(self, *_: Any) -> Any:
        raise _NotKnown

    __class__ = property(_ask)  # which `isinstance` looks at
    __getattr__ = __eq__ = __ne__ = __iter__ = __len__ = __bool__ = __getitem__ = __contains__ = _ask
    __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __str__ = __repr__ = __fspath__ = _ask


def _linked(link: Link, nodes: Mapping[str, Node], values: Mapping[str, Any]) -> Any:
    found = [output_of(nodes[source.node], values[source.node], source.output) for source in link.sources]
    if not link.many:
        return found[0]
    joined: list[Any] = []
    for value, source in zip(found, link.sources, strict=True):
        joined += value if _is_list(source, nodes, value) else [value]
    return joined


def _is_list(source: Source, nodes: Mapping[str, Node], value: Any) -> bool:
    datatype = nodes[source.node].type.signature.outputs[source.output]
    return isinstance(value, (list, tuple)) if datatype is Any else member(datatype) is not None


def _config(module: Module[..., Any], given: dict[str, Any]) -> Any:
    if is_dataclass_type(module.config_type):
        return load(module.config_type, given)
    return next(iter(given.values()), None)
