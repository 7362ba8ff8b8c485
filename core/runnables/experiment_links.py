"""The producer's side of links: what they mean in a variant of a stage, given the variants that it builds on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.runnables.experiment_variants import Variant
from orepass.runnables.exporting import Exports, plain
from orepass.runnables.json_form import to_json
from orepass.runnables.link import Link
from orepass.runnables.names import find
from orepass.runnables.tree import Call, Element, Fields, Node, Path, parts_of, refusal
from orepass.runnables.walking import links, node_or_link, path_text


@dataclass(frozen=True)
class _Value:
    value: Any


@dataclass(frozen=True)
class _Object:
    """What is built at a path of the other stage, and attributes to take of it then."""

    path: Path
    attributes: tuple[str, ...]


def supplied(tree: Node, variants: Mapping[str, Variant], modules: Collection[str]) -> dict[str, Any]:
    """What the links of a tree mean, as its consumer can use it (see `following`).

    Plain values and Paths go as they are. Of objects go what they are built of, with what its own links mean, and the
    folders with their state.

    Args:
        tree: without search spaces.
        variants: by stage.
        modules: as for `build`.

    Raises:
        ConfigError: a link means nothing in what the other stage has come to.
    """
    found = {str(link): link for link in links(tree).values()}
    if not found:
        return {}
    values: dict[str, Any] = {}
    objects: dict[str, Any] = {}
    wanted: dict[str, dict[str, Path]] = {}
    for text, link in found.items():
        meaning = _meaning(link, variants[link.stage], modules)
        if isinstance(meaning, _Value):
            values[text] = meaning.value
            continue
        at = path_text(meaning.path)
        objects[text] = {"at": at, "attributes": list(meaning.attributes)}
        wanted.setdefault(link.stage, {})[at] = meaning.path
    stages = {stage: _stage(variants[stage], paths, modules) for stage, paths in wanted.items()}
    return {"values": values, "objects": objects, "stages": stages}


def _stage(source: Variant, paths: Mapping[str, Path], modules: Collection[str]) -> dict[str, Any]:
    forest = Fields({at: _node(source, path) for at, path in paths.items()})
    exports = source.result.exports if source.result else Exports()
    states = {}
    for at, path in paths.items():
        for inner in _paths(forest[at], source):
            name = exports.objects.get(path_text((*path, *inner)))
            if name is None:
                continue
            if name in exports.stateless:
                raise ConfigError(f"The state of {source.stage}[{name}] could not be stored: {exports.stateless[name]}")
            if name in exports.states:
                states[path_text((at, *inner))] = exports.states[name]
    own = supplied(forest, source.ancestors, modules)
    return {"tree": to_json(forest), "links": own, "states": states}


def _meaning(link: Link, source: Variant, modules: Collection[str]) -> _Value | _Object:
    try:
        known = _known(link.keys, source)
    except ConfigError as error:
        raise refusal(link.place, f"!@ {link}: {error}") from error
    if known is not None:
        return _of_value(known.value, link.attributes, link)
    exports = source.result.exports if source.result else Exports()
    name = exports.objects.get(path_text(link.keys))
    if name is None:
        return _Object(link.keys, link.attributes)
    return _of_object(link, source, name, exports, modules)


def _known(keys: Path, source: Variant) -> _Value | None:
    """What is at keys, where it is data; None where it is, or has in it, an object."""
    node, rest = node_or_link(source.tree, keys)
    if isinstance(node, Link):
        values = source.sent.get("values", {})
        if str(node) in values:
            return _Value(_inside(values[str(node)], rest))
        return _known(node.further(rest).keys, source.ancestors[node.stage]) if rest else None
    return None if any(isinstance(part, Element) for part in _nodes(node)) else _Value(to_json(node))


def _of_object(link: Link, source: Variant, name: str, exports: Exports, modules: Collection[str]) -> _Value | _Object:
    paths = {path_text(path): path for path in _paths(source.tree, source)}
    for position, attribute in enumerate(link.attributes):
        rest = link.attributes[position:]
        if attribute in exports.references[name]:
            name = exports.references[name][attribute]
            continue
        if attribute in exports.values[name]:
            return _of_value(exports.values[name][attribute], rest[1:], link)
        problem = exports.others[name].get(attribute)
        if problem:
            raise refusal(
                link.place,
                f"!@ {link}: {attribute!r} {problem}, which comes from run() and cannot be stored. Link to a number, a "
                "text or a Path; write what is more to a file in orepass.workdir().",
            )
        if problem is None and not _in_class(_origin(_node(source, paths[name]), source)[0], attribute, modules):
            known = {*exports.values[name], *exports.references[name], *exports.others[name]}
            hint = did_you_mean(attribute, known) if known else "It has none."
            where = f"{source.stage}[{name}]" if name else source.stage
            raise refusal(link.place, f"!@ {link}: {where} has no attribute {attribute!r}. {hint}")
        return _Object(paths[name], rest)
    return _Object(paths[name], ())


def _of_value(value: Any, attributes: tuple[str, ...], link: Link) -> _Value:
    for name in attributes:
        if not hasattr(value, name):
            raise refusal(link.place, f"!@ {link}: a {type(value).__qualname__} has no attribute {name!r}.")
        value = getattr(value, name)
    try:
        return _Value(plain(value)) if attributes else _Value(value)
    except ValueError as error:
        raise refusal(
            link.place, f"!@ {link}: {attributes[-1]!r} {error}. Link to a number, a text or a Path."
        ) from None


def _in_class(node: Node, attribute: str, modules: Collection[str]) -> bool:
    made = find(node.target, modules) if isinstance(node, Call) else None
    return isinstance(made, type) and hasattr(made, attribute)


def _inside(value: Any, keys: Path) -> Any:
    """What is at keys of a value that came by a link."""
    for key in keys:
        parts = dict(enumerate(value)) if isinstance(value, list) else value
        if not isinstance(parts, dict) or key not in parts:
            raise ConfigError(f"There is no {key!r} in {value!r:.80}, which is linked to.")
        value = parts[key]
    return value


def _node(source: Variant, path: Path) -> Node:
    """The node at a path; what is beyond a link as a link to it."""
    node, rest = node_or_link(source.tree, path)
    return node.further(rest) if isinstance(node, Link) else node


def _origin(node: Node, source: Variant) -> tuple[Node, Variant]:
    """A node, or what it is a link to, with the variant of the stage that built it."""
    while isinstance(node, Link) and not node.attributes:
        source = source.ancestors[node.stage]
        node = _node(source, node.keys)
    return node, source


def _paths(node: Node, source: Variant) -> Iterator[Path]:
    """All paths in a node, beyond links too, also the second and third of what stands at several places."""
    yield ()
    node, source = _origin(node, source)
    for key, part in parts_of(node).items():
        for path in _paths(part, source):
            yield (key, *path)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in parts_of(node).values():
        yield from _nodes(part)
