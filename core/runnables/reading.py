"""Runnables documents: YAML with what is to be built as tags, after the extensions that it uses.

my_ext: /path/to/extension
---
!Experiment
pipeline:
  train: !my_ext.MyCustomTrainer
    epochs: !grid [3, 10]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from orepass.errors import ConfigError
from orepass.runnables.names import check_name
from orepass.runnables.search_spaces import TAGS
from orepass.runnables.tree import Call, Fields, Node, Place, refusal
from orepass.runnables.walking import walk
from orepass.runnables.yaml_nodes import Conversion, Loader, place_of, syntax_error


@dataclass(frozen=True)
class Document:
    """A runnables document that was read.

    Attributes:
        extensions: what to install, by the name of the top-level module.
        root: the runnable.
        path: the file; None if it was read from text.
    """

    extensions: Mapping[str, str]
    root: Call
    path: Path | None


def read_documents(source: str | Path, allow: Collection[str] = ()) -> Document:
    """Read a runnables document. Builds nothing and imports nothing.

    Args:
        source: the file as a `Path`, or the text itself.
        allow: what may be named beside our own names and the extensions, and all that is below it: `torch.optim`.

    Raises:
        ConfigError: it cannot be used; names line and column.
    """
    path = source if isinstance(source, Path) else None
    file = str(path or "<text>")
    try:
        loader = Loader(source if isinstance(source, str) else _bytes(source))
        first, second = _two(loader, file)
        conversion = Conversion(loader, file)
        extensions = {} if second is None else _extensions(conversion.tree(first), conversion.place(first))
        root = _runnable(conversion.tree(second or first), conversion, second or first)
    except yaml.YAMLError as error:
        raise syntax_error(error, file) from error
    except RecursionError:
        raise ConfigError(f"{file}: mappings and lists are nested too deeply in each other.") from None
    _check_names(root, {*extensions, *allow})
    return Document(extensions, root, path)


def is_runnables_document(path: Path) -> bool:
    """Whether a file is a runnables document, and no pipeline file; without looking at more of it than is needed.

    It is one if it has two documents, or if its only one has a tag, or at its top a `_target_` or a `pipeline`, and no
    `modules`. A file that cannot be read is none.
    """
    try:
        return _looks_like_one(_bytes(path))
    except (ConfigError, yaml.YAMLError, RecursionError):
        return False


def _looks_like_one(text: bytes) -> bool:
    documents, depth, at_key, tagged = 0, 0, False, False
    keys = set()
    for event in yaml.parse(text, Loader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                return True
        elif isinstance(event, yaml.NodeEvent):
            tag = getattr(event, "tag", None) or ""
            tagged = tagged or bool(tag)
            if depth == 0 and tag.startswith("!"):
                return True
            at_key = not at_key if depth == 1 else at_key
            if depth == 1 and at_key and isinstance(event, yaml.ScalarEvent):
                keys.add(event.value)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
    return "modules" not in keys and (tagged or bool({"pipeline", "_target_"} & keys))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Check the path.") from error


def _two(loader: Loader, file: str) -> tuple[yaml.Node, yaml.Node | None]:
    nodes: list[yaml.Node] = []
    while loader.check_node() and (node := loader.get_node()) is not None:
        nodes.append(node)
        if len(nodes) == 3:
            raise refusal(
                place_of(nodes[2].start_mark, file),
                "A third document begins here. There can be the extensions, a line of ---, and the runnable.",
            )
    if not nodes:
        raise ConfigError(f"{file} is empty. Give a runnable, such as !Experiment.")
    return nodes[0], nodes[1] if len(nodes) == 2 else None


def _extensions(node: Node, place: Place) -> Mapping[str, str]:
    usage = "Before the --- there are only extensions, NAME_OF_MODULE: FOLDER, URL or requirement."
    if not isinstance(node, Fields):
        raise refusal(place, f"This is no mapping. {usage}")
    for key, value in node.items():
        if not key.isidentifier():
            told = f"{key!r} cannot be imported. Give the name of the top-level module, not that of the package."
            raise refusal(node.places.get(key), told)
        if not isinstance(value, str):
            raise refusal(node.places.get(key), f"The value of {key!r} is no text. {usage}")
    return {key: str(value) for key, value in node.items()}


def _check_names(root: Call, modules: Collection[str]) -> None:
    for _, node in walk(root):
        if isinstance(node, Call):
            try:
                check_name(node.target, modules, TAGS)
            except ConfigError as error:
                raise refusal(node.place, str(error)) from error


def _runnable(node: Node, conversion: Conversion, at: yaml.Node) -> Call:
    if isinstance(node, Fields) and "pipeline" in node:
        return Call("Experiment", node, place=conversion.place(at))
    if not isinstance(node, Call):
        raise refusal(conversion.place(at), "This is no runnable. Begin with its tag, such as !Experiment or !Script.")
    return node
