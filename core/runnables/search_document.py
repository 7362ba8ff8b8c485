"""A tree as a runnables document, to be run by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from orepass.runnables.link import Link
from orepass.runnables.tree import Call, Element, Fields, Node
from orepass.runnables.yaml_nodes import Loader

_SCRIPT = "Script"


def as_document(tree: Node, sources: Mapping[str, str], folder: Path) -> str:
    """The text of a document that builds a tree, wherever the document is.

    Args:
        tree: without search spaces.
        sources: where the extensions are from, by module.
        folder: where relative names of scripts and their files begin; they are written out in full.
    """
    text = yaml.dump(_Writer(folder).form(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    if not sources:
        return text
    return f"{yaml.dump(dict(sources), Dumper=_Dumper, allow_unicode=True)}---\n{text}"


@dataclass(eq=False)
class _Tagged:
    tag: str
    value: Any


class _Writer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: dict[int, _Tagged] = {}

    def form(self, node: Node) -> Any:
        """What PyYAML writes; the same object for the same element, which makes it an alias."""
        if isinstance(node, tuple):
            return [self.form(member) for member in node]
        if isinstance(node, Fields):
            return {key: self.form(value) for key, value in node.items()}
        if not isinstance(node, Element):
            return node
        if id(node) not in self._done:
            self._done[id(node)] = _Tagged("!@", str(node)) if isinstance(node, Link) else self._call(node)
        return self._done[id(node)]

    def _call(self, call: Element) -> _Tagged:
        assert isinstance(call, Call)
        value: dict[str, Any] = {"_partial_": True} if call.partial else {}
        if call.positional:
            value["_args_"] = [self.form(member) for member in call.positional]
        value |= {name: self.form(member) for name, member in call.arguments.items()}
        if call.target == _SCRIPT:
            if call.positional:
                value["_args_"][0] = self._place(value["_args_"][0])
            elif "script" in value:
                value["script"] = self._place(value["script"])
            if "files" in value:
                value["files"] = [self._place(name) for name in value["files"]]
        return _Tagged(f"!{call.target}", value)

    def _place(self, name: Any) -> Any:
        return str(self._folder / name) if isinstance(name, str) and (self._folder / name).exists() else name


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that our loader would take for something else."""

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers


def _represent(dumper: _Dumper, tagged: _Tagged) -> yaml.Node:
    if isinstance(tagged.value, str):
        return dumper.represent_scalar(tagged.tag, tagged.value, style="'")
    return dumper.represent_mapping(tagged.tag, tagged.value)


_Dumper.add_representer(_Tagged, _represent)
