"""Going through a tree, and making another one of it.

A call or search space that stands at several places of a tree (in YAML: an alias) is met once, at the first of them in
the order of keys, whatever order they are written in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.runnables.link import Link
from orepass.runnables.search_spaces import Space
from orepass.runnables.tree import Call, Element, Fields, Key, Node, Path, freeze, parts_of

_PLAIN = re.compile(r"[^\W\d][\w-]*")


def walk(tree: Node) -> Iterator[tuple[Path, Node]]:
    """All nodes with their paths, each before those in it, in the order of keys."""
    return _walk(tree, (), set())


def _walk(node: Node, path: Path, met: set[int]) -> Iterator[tuple[Path, Node]]:
    if isinstance(node, Element) and not isinstance(node, Link):
        if id(node) in met:
            return
        met.add(id(node))
    yield path, node
    for key, part in sorted(parts_of(node).items(), key=_order):
        yield from _walk(part, (*path, key), met)


def _order(item: tuple[Key, Node]) -> tuple[bool, int, str]:
    key = item[0]
    return (False, key, "") if isinstance(key, int) else (True, 0, key)


def node_at(tree: Node, path: Path) -> Node:
    """The node at a path; or the search space on the way there, of which the rest depends.

    Raises:
        ConfigError: there is nothing at the path; says how far one comes.
    """
    node = tree
    for position, key in enumerate(path):
        if isinstance(node, Space):
            return node
        parts = parts_of(node)
        if key not in parts:
            where = f"at {path_text(path[:position])!r}" if position else "at the top"
            hint = did_you_mean(str(key), map(str, parts)) if parts else "Nothing is in it."
            raise ConfigError(f"There is no {key!r} {where}. {hint}")
        node = parts[key]
    return node


def node_or_link(tree: Node, path: Path) -> tuple[Node, Path]:
    """The node at a path, as `node_at` gives it; or the link on the way there, and what of the path is left.

    Raises:
        ConfigError: see `node_at`.
    """
    for position in range(len(path)):
        node = node_at(tree, path[:position])
        if isinstance(node, Link):
            return node, path[position:]
    return node_at(tree, path), ()


def path_text(path: Path) -> str:
    """A path as text, `model.layers[0].size`; different for different paths."""
    return "".join(map(_segment, path)).removeprefix(".")


def _segment(key: Key) -> str:
    if isinstance(key, str) and _PLAIN.fullmatch(key):
        return f".{key}"
    return f"[{key!r}]"


def spaces(tree: Node) -> dict[str, Space]:
    """All search spaces by path, `model.encoder.hidden_size`; one that is shared is one choice."""
    return {path_text(path): node for path, node in walk(tree) if isinstance(node, Space)}


def links(tree: Node) -> dict[str, Link]:
    """All links by the path of where they stand."""
    return {path_text(path): node for path, node in walk(tree) if isinstance(node, Link)}


def calls(tree: Node) -> dict[str, Call]:
    """All objects to be built, by path; that of the whole tree is empty."""
    return {path_text(path): node for path, node in walk(tree) if isinstance(node, Call)}


def with_values(tree: Node, values: Mapping[str, Any]) -> Node:
    """The tree with values in place of search spaces.

    Args:
        tree: where the spaces are.
        values: by path, as `spaces` gives it. Spaces without a value stay.

    Raises:
        ConfigError: there is no search space at a path.
    """
    there = spaces(tree)
    for path in values:
        if path not in there:
            raise ConfigError(f"There is no search space at {path!r}. {did_you_mean(path, there)}")
    chosen = {id(there[path]): freeze(value) for path, value in values.items()}
    return _replaced(tree, lambda element: chosen.get(id(element), element))


def with_links(tree: Node, values: Mapping[Link, Any]) -> Node:
    """The tree with values in place of links; links without a value stay."""
    found = {link: freeze(value) for link, value in values.items()}
    return _replaced(tree, lambda element: found.get(element, element) if isinstance(element, Link) else element)


def _replaced(tree: Node, choose: Callable[[Element], Node]) -> Node:
    """The tree with other nodes for elements; what is shared stays shared."""
    done: dict[int, Node] = {}

    def replaced(node: Node) -> Node:
        if isinstance(node, tuple):
            return tuple(map(replaced, node))
        if isinstance(node, Fields):
            return Fields({key: replaced(part) for key, part in node.items()}, node.places)
        if not isinstance(node, Element):
            return node
        if id(node) not in done:
            chosen = choose(node)
            if chosen is node:
                chosen = node.with_parts({key: replaced(part) for key, part in node.parts().items()})
            done[id(node)] = chosen
        return done[id(node)]

    return replaced(tree)
