"""From a tree to objects."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.runnables.link import Link
from orepass.runnables.names import find
from orepass.runnables.search_spaces import Space
from orepass.runnables.tree import Call, Element, Fields, Node, Path, parts_of, refusal
from orepass.runnables.walking import path_text, walk


@dataclass(frozen=True)
class Built:
    """What was built of a tree.

    Attributes:
        by_path: the objects and values of all nodes, by their paths; `()` is the root. Also of what links mean, where
            that was told.
    """

    by_path: Mapping[Path, Any]

    @property
    def root(self) -> Any:
        """The object of the whole tree."""
        return self.by_path[()]


def check_calls(tree: Node, modules: Collection[str] = ()) -> None:
    """Import all that a tree is to be built of, and check the names and number of arguments. Builds nothing.

    Args:
        tree: may have search spaces and links in it.
        modules: the names of declared extensions, and import paths that were allowed.

    Raises:
        ConfigError: what is called may not be named, is not there, or does not take what it is given.
    """
    for path, node in walk(tree):
        if isinstance(node, Call):
            _check_arguments(_function(node, modules), node, path)


def build(tree: Node, modules: Collection[str] = (), links: Mapping[Link, Any] | None = None) -> Built:
    """Build the objects of a tree, depth first; all that can be checked is checked before.

    A call that stands at several places is built once, and all of them get the same object.

    Args:
        tree: without search spaces.
        modules: the names of declared extensions, and import paths that were allowed.
        links: what the links in it mean: a value; or what an object was built of, too.

    Raises:
        ConfigError: as `check_calls`; a search space or link is left; or a constructor raised an error.
    """
    values = links or {}
    for path, node in walk(tree):
        if isinstance(node, Space):
            raise refusal(node.place, f"!{node.tag} at {path_text(path)!r}: a search has to choose a value first.")
        if isinstance(node, Link) and node not in values:
            raise refusal(
                node.place, f"!@ {node} at {path_text(path)!r}: only a stage of an Experiment can have links."
            )
    check_calls(tree, modules)
    return Built(_Builder(modules, values).built(tree, ()))


class _Builder:
    def __init__(self, modules: Collection[str], links: Mapping[Link, Any]) -> None:
        self._modules = modules
        self._links = links
        self._done: dict[int, dict[Path, Any]] = {}

    def built(self, node: Node, path: Path) -> dict[Path, Any]:
        """What was built of a node and of all in it, by path from the node."""
        if isinstance(node, Element) and id(node) in self._done:
            return self._done[id(node)]
        by_path: dict[Path, Any] = {}
        for key, part in parts_of(node).items():
            for inner, found in self.built(part, (*path, key)).items():
                by_path[(key, *inner)] = found
        linked = self._links[node] if isinstance(node, Link) else None
        if isinstance(linked, Built):
            return dict(linked.by_path)
        by_path[()] = self._made(node, by_path, path)
        if isinstance(node, Element):
            self._done[id(node)] = by_path
        return by_path

    def _made(self, node: Node, by_path: Mapping[Path, Any], path: Path) -> Any:
        if isinstance(node, tuple):
            return [by_path[(i,)] for i in range(len(node))]
        if isinstance(node, Fields):
            return {key: by_path[(key,)] for key in node}
        if isinstance(node, Link):
            return self._links[node]
        if not isinstance(node, Call):
            return node
        function = _function(node, self._modules)
        if node.partial and not by_path:
            return function
        positional = [by_path[(i,)] for i in range(len(node.positional))]
        named = {name: by_path[(name,)] for name in node.arguments}
        if node.partial:
            return functools.partial(function, *positional, **named)
        try:
            return function(*positional, **named)
        except Exception as error:
            raise refusal(
                node.place, f"{_told(node, path)} cannot be built: {type(error).__name__}: {error}"
            ) from error


def _function(call: Call, modules: Collection[str]) -> Callable[..., Any]:
    try:
        return find(call.target, modules)
    except ConfigError as error:
        raise refusal(call.place, str(error)) from error


def _check_arguments(function: Callable[..., Any], call: Call, path: Path) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some of those written in C tell nothing; their errors come when they are called
    parameters = signature.parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in call.arguments:
            if name not in named:
                place = call.places.get(name, call.place)
                hint = did_you_mean(name, named) if named else "It takes none by name."
                raise refusal(place, f"{_told(call, path)} takes no argument {name!r}. {hint}")
    try:
        bind = signature.bind_partial if call.partial else signature.bind
        bind(*call.positional, **call.arguments)
    except TypeError as error:
        raise refusal(call.place, f"{_told(call, path)}: {error}. {_takes(signature)}") from error


def _takes(signature: inspect.Signature) -> str:
    """The names of the arguments; types and defaults would be a page for some."""
    needed: list[str] = []
    others: list[str] = []
    for one in signature.parameters.values():
        stars = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
        is_needed = one.default is one.empty and not stars
        (needed if is_needed else others).append(stars + one.name)
    told = [f"{verb} {', '.join(names)}" for verb, names in (("needs", needed), ("may have", others)) if names]
    return f"It {' and '.join(told) or 'takes no arguments'}."


def _told(call: Call, path: Path) -> str:
    return f"!{call.target} at {path_text(path)!r}" if path else f"!{call.target}"
