"""A runnables document as plain data: scalars, tuples, `Fields`, and what YAML writes with a tag.

Nothing in a tree can be changed; the functions of `walking` make other trees. Places are for messages only: they take
no part in equality, nor in the JSON form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeAlias

from orepass.errors import ConfigError

Scalar: TypeAlias = bool | int | float | str | None
Node: TypeAlias = "Scalar | tuple[Node, ...] | Fields | Element"
Key: TypeAlias = str | int
Path: TypeAlias = tuple[Key, ...]
"""Where a node is: keys and names of arguments, positions in lists and of positional arguments."""

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_RESERVED = re.compile(r"_[a-z]+_")


@dataclass(frozen=True)
class Place:
    """Where something is written; lines and columns from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """As editors and terminals know it."""
        return f"{self.file}:{self.line}:{self.column}"


def refusal(place: Place | None, problem: str) -> ConfigError:
    """The error for what is wrong at a place."""
    return ConfigError(f"{place}: {problem}" if place else problem)


@dataclass(frozen=True)
class Element:
    """What is more than data in a tree: a call, a link, a search space.

    The same element at two places of a tree means one thing: one object, one choice.
    """

    place: Place | None = field(default=None, compare=False, repr=False, kw_only=True)

    def parts(self) -> Mapping[Key, Node]:
        """The nodes in it."""
        return {}

    def with_parts(self, parts: Mapping[Key, Node]) -> Self:
        """The same with other nodes in it."""
        return self


class Fields(Mapping[str, Node]):
    """A mapping of a tree.

    Args:
        items: by key; lists and mappings in it are made immutable.
        places: where the keys are written, as far as that is known.

    Raises:
        ConfigError: a key is no text or has a meaning of its own, or a value cannot stand in a tree.
    """

    __slots__ = ("_items", "places")

    def __init__(self, items: Mapping[str, Any] | None = None, places: Mapping[str, Place] | None = None) -> None:
        self.places = dict(places or {})
        for key in items or {}:
            if not isinstance(key, str):
                raise ConfigError(f"The key {key!r} is no text. Put it in quotes.")
            if _RESERVED.fullmatch(key):
                raise refusal(self.places.get(key), f"The key {key!r} has no meaning here. {_MARKS}")
        self._items = {key: freeze(value) for key, value in (items or {}).items()}

    def __getitem__(self, key: str) -> Node:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


def parts_of(node: Node) -> Mapping[Key, Node]:
    """The nodes in a node, by key or number; none in a scalar."""
    if isinstance(node, Element):
        return node.parts()
    if isinstance(node, tuple):
        return dict(enumerate(node))
    return {key: part for key, part in node.items()} if isinstance(node, Fields) else {}


_MARKS = (
    "Keys like _this_ are kept for what is no data: _target_ (with _args_ and _partial_), _link_, and search spaces "
    "such as _grid_."
)


def freeze(value: Any) -> Node:
    """A value as a node: lists become tuples, mappings `Fields`.

    Raises:
        ConfigError: it is, or has in it, what cannot stand in a tree.
    """
    if value is None or type(value) in (bool, int, float, str) or isinstance(value, (Element, Fields)):
        return value  # type: ignore[no-any-return]
    if isinstance(value, Mapping):
        return Fields(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(freeze, value))
    raise ConfigError(
        f"A {type(value).__qualname__} cannot stand in a tree. Use None, bool, int, float, str, lists and mappings of "
        "them; an object that is to be built is a Call."
    )


@dataclass(frozen=True)
class Call(Element):
    """An object to be built: `!Trainer {epochs: 3}`.

    Attributes:
        target: what is called, by the name that `names` knows it by.
        arguments: those with a name.
        positional: the others; those of a tag on a list.
        partial: whether not its result is meant but itself, with these arguments given: a function to be called later.
    """

    target: str
    arguments: Mapping[str, Node] = field(default_factory=Fields)
    positional: tuple[Node, ...] = ()
    partial: bool = False

    def __post_init__(self) -> None:
        if not _TARGET.fullmatch(self.target):
            raise refusal(self.place, f"{self.target!r} is no name. Write NAME or MODULE.NAME.")
        object.__setattr__(self, "arguments", freeze(self.arguments))
        object.__setattr__(self, "positional", freeze(self.positional))

    def parts(self) -> Mapping[Key, Node]:
        """Its arguments, the positional ones by number."""
        parts: dict[Key, Node] = dict(enumerate(self.positional))
        for name, part in self.arguments.items():
            parts[name] = part
        return parts

    def with_parts(self, parts: Mapping[Key, Node]) -> Self:
        """The same with other arguments."""
        named = Fields({name: parts[name] for name in self.arguments}, self.places)
        return replace(self, arguments=named, positional=tuple(parts[i] for i in range(len(self.positional))))

    @property
    def places(self) -> Mapping[str, Place]:
        """Where the names of its arguments are written."""
        return self.arguments.places if isinstance(self.arguments, Fields) else {}
