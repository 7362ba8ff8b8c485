"""Trees as JSON, so that they can be configurations, be keyed, and travel.

A call is Hydra's `{"_target_": "Trainer", "epochs": 3}`, with `_args_` and `_partial_`; a link is
`{"_link_": "stage[key].attribute"}`, a search space `{"_grid_": [1, 2]}` or `{"_uniform_": {"low": 0.0, ...}}`. Of an
element that stands at several places the first, in the order of keys, has an `_id_`; the others are `{"_same_": 1}`.
YAML documents may be written in the same words, with an alias for what is the same.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from orepass.errors import ConfigError
from orepass.runnables.link import Link
from orepass.runnables.names import canonical_name
from orepass.runnables.search_spaces import SPACES, Space, make_space
from orepass.runnables.tree import Call, Element, Fields, Node, Place, freeze, parts_of, refusal
from orepass.runnables.walking import walk

_SPACES = {f"_{kind.tag}_": kind for kind in SPACES}


def to_json(tree: Node) -> Any:
    """The JSON form of a tree: dicts, lists and scalars.

    Equal trees whose elements are shared alike give equal forms; so do documents that differ in the order of keys.
    """
    ids = _ids(tree)
    # The one that is written out is the first in the order of keys, which need not be the first in the document's.
    first = {id(node): path for path, node in walk(tree) if id(node) in ids}

    def form(node: Node, path: tuple[Any, ...]) -> Any:
        if isinstance(node, float) and not math.isfinite(node):
            return {"_float_": repr(node)}
        if not isinstance(node, (tuple, Fields, Element)):
            return node
        if id(node) in ids and path != first[id(node)]:
            return {"_same_": ids[id(node)]}
        parts = {key: form(part, (*path, key)) for key, part in parts_of(node).items()}
        if isinstance(node, tuple):
            return list(parts.values())
        if isinstance(node, Fields):
            return parts
        marked = _marked(node, parts)
        return {"_id_": ids[id(node)], **marked} if id(node) in ids else marked

    return form(tree, ())


def _marked(element: Element, parts: dict[Any, Any]) -> dict[str, Any]:
    if isinstance(element, Call):
        positional = [parts[i] for i in range(len(element.positional))]
        marks = {"_args_": positional, "_partial_": element.partial}
        given = {mark: value for mark, value in marks.items() if value}
        return {"_target_": element.target, **given, **{name: parts[name] for name in element.arguments}}
    if isinstance(element, Link):
        return {"_link_": str(element)}
    assert isinstance(element, Space)
    bounds = {f.name: getattr(element, f.name) for f in dataclasses.fields(element) if not f.kw_only}
    return {f"_{element.tag}_": list(parts.values()) if parts else bounds}


def _ids(tree: Node) -> dict[int, int]:
    """Numbers of the elements that stand at more than one place."""
    counts: dict[int, int] = {}
    nodes = [tree, *(part for _, node in walk(tree) for part in parts_of(node).values())]
    for node in nodes:
        if isinstance(node, Element) and not isinstance(node, Link):  # a link says by itself what it means
            counts[id(node)] = counts.get(id(node), 0) + 1
    shared = [id(node) for _, node in walk(tree) if counts.get(id(node), 0) > 1]
    return {identity: number for number, identity in enumerate(shared, 1)}


def from_json(document: Any) -> Node:
    """The tree of a JSON form.

    Raises:
        ConfigError: it is none.
    """
    sources = dict(_with_ids(document))
    elements: dict[Any, Node] = {}

    def shared(number: Any) -> Node:
        if not isinstance(number, int) or number not in sources:
            raise ConfigError(f"There is no element with the _id_ {number!r} in this JSON form of a tree.")
        if number not in elements:
            source = sources.pop(number)  # so that one that has itself in it is an error
            elements[number] = node({key: value for key, value in source.items() if key != "_id_"})
            sources[number] = source
        return elements[number]

    def node(raw: Any) -> Node:
        if isinstance(raw, list):
            return tuple(map(node, raw))
        if not isinstance(raw, dict):
            return freeze(raw)
        if "_same_" in raw or "_id_" in raw:
            return shared(raw.get("_same_", raw.get("_id_")))
        if raw.get("_float_") in ("inf", "-inf", "nan") and len(raw) == 1:
            return float(raw["_float_"])
        return unmarked({key: node(value) for key, value in raw.items()})

    return node(document)


def _with_ids(raw: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    if isinstance(raw, dict) and isinstance(raw.get("_id_"), int):
        yield raw["_id_"], raw
    for part in raw.values() if isinstance(raw, dict) else raw if isinstance(raw, list) else ():
        yield from _with_ids(part)


def unmarked(items: Mapping[str, Node], places: Mapping[str, Place] | None = None, place: Place | None = None) -> Node:
    """What a mapping means: a call, a link or a search space where its keys say so, else the mapping itself.

    Args:
        items: with their values as nodes.
        places: where the keys are written.
        place: where the mapping is written.

    Raises:
        ConfigError: keys that do not go together, or what they mark is wrong.
    """
    if "_target_" in items:
        target = items["_target_"]
        if not isinstance(target, str):
            raise refusal(place, f"_target_ is {target!r}. Give the name of what is to be built.")
        return call(target, {key: value for key, value in items.items() if key != "_target_"}, places, place)
    for mark in {"_link_", *_SPACES} & items.keys():
        if len(items) > 1:
            others = ", ".join(key for key in items if key != mark)
            raise refusal(place, f"Beside {mark} there can be no other keys, but there are: {others}.")
        return Link.read(items[mark], place) if mark == "_link_" else make_space(_SPACES[mark], items[mark], place)
    return Fields(items, places)


def call(
    target: str,
    items: Mapping[str, Node],
    places: Mapping[str, Place] | None = None,
    place: Place | None = None,
) -> Call:
    """A call of what is written under its target: arguments, `_args_` and `_partial_`."""
    positional = items.get("_args_", ())
    if not isinstance(positional, tuple):
        raise refusal(place, "_args_ is no list. Give the positional arguments in brackets.")
    partial = items.get("_partial_", False)
    if not isinstance(partial, bool):
        raise refusal(place, f"_partial_ is {partial!r}. Give true or false.")
    named = Fields({name: value for name, value in items.items() if name not in ("_args_", "_partial_")}, places)
    return Call(canonical_name(target), named, positional, partial, place=place)
