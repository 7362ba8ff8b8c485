"""What is kept of a runnable's objects after it ran, for stages that link to them."""

from __future__ import annotations

import functools
import inspect
import itertools
import logging
import shutil
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from orepass.runnables.building import Built
from orepass.runnables.object_state import has_state, save_state
from orepass.runnables.walking import path_text

logger = logging.getLogger(__name__)

_LARGEST = 10_000
_DATA = (type(None), bool, int, float, str, Path, list, tuple, dict, set, frozenset, bytes, np.generic)
_CODE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial)


@dataclass(frozen=True)
class Exports:
    """What other stages can take from a runnable. Objects are named by the shortest of their paths, as text.

    Attributes:
        objects: all paths where an object stands, to its name.
        values: by object and attribute: those that are plain.
        references: by object and attribute: those that are objects of the same tree, by name.
        others: by object and attribute: those that are neither; why they cannot be had, or nothing where they are as
            they were before the run, so that building the object anew gives them.
        states: by object: the folder with its state.
        stateless: by object: why its state could not be stored.
    """

    objects: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    references: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    states: Mapping[str, Path] = field(default_factory=dict)
    stateless: Mapping[str, str] = field(default_factory=dict)


class Exporter:
    """Takes down what is in the objects of a tree; made before the run, asked after it."""

    def __init__(self, built: Built) -> None:
        self._root = built.root
        self._paths: dict[str, str] = {}
        self._objects: dict[str, Any] = {}
        names: dict[int, str] = {}
        for path in sorted(built.by_path, key=len):
            thing = built.by_path[path]
            if not isinstance(thing, (*_DATA, *_CODE)):
                name = names.setdefault(id(thing), path_text(path))
                self._paths[path_text(path)] = name
                self._objects[name] = thing
        self._names = names
        self._before = {name: dict(_attributes(thing)) for name, thing in self._objects.items()}

    def exports(self, folder: Path) -> Exports:
        """What there is now.

        Args:
            folder: where states are written.
        """
        states, stateless = self._states(folder)
        attributes = {name: self._sorted(name, thing) for name, thing in self._objects.items()}
        return Exports(
            objects=self._paths,
            values={name: values for name, (values, _, _) in attributes.items()},
            references={name: references for name, (_, references, _) in attributes.items()},
            others={name: others for name, (_, _, others) in attributes.items()},
            states=states,
            stateless=stateless,
        )

    def _states(self, folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
        states: dict[str, Path] = {}
        stateless: dict[str, str] = {}
        for name, thing in self._objects.items():
            if not has_state(thing):
                continue
            try:
                save_state(thing, folder / str(len(states)))
                states[name] = folder / str(len(states))
            except OSError:
                raise
            except Exception as error:  # the run has ended well, and mostly nobody wants the state
                shutil.rmtree(folder / str(len(states)), ignore_errors=True)
                stateless[name] = f"{type(error).__name__}: {error}"
                logger.warning("The state of the %s at %r is not kept: %s", type(thing).__qualname__, name, error)
        return states, stateless

    def _sorted(self, name: str, thing: Any) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
        values: dict[str, Any] = {}
        references: dict[str, str] = {}
        others: dict[str, str] = {}
        attributes = dict(_attributes(thing))
        if thing is self._root:
            attributes |= dict(_properties(thing))
        before = self._before[name]
        for attribute, value in attributes.items():
            if id(value) in self._names:
                references[attribute] = self._names[id(value)]
                continue
            try:
                values[attribute] = plain(value)
            except ValueError as error:
                others[attribute] = "" if attribute in before and before[attribute] is value else str(error)
        return values, references, others


def plain(value: Any) -> Any:
    """A value as numbers, texts, Paths, lists and mappings with text keys.

    Raises:
        ValueError: it is more than that, or too large.
    """
    return _plain(value, itertools.count())


def _plain(value: Any, count: Iterator[int]) -> Any:
    if next(count) > _LARGEST or (isinstance(value, str) and len(value) > _LARGEST):
        raise ValueError(f"has more than {_LARGEST:,} values or letters in it")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Path):
        if not value.exists():
            raise ValueError(f"is a path where nothing is, {str(value)!r}")
        return value.absolute()
    if type(value) in (list, tuple):
        return [_plain(member, count) for member in value]
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {key: _plain(member, count) for key, member in value.items()}
    raise ValueError(f"is, or has in it, a {type(value).__qualname__}")


def _attributes(thing: Any) -> Iterator[tuple[str, Any]]:
    """The public attributes that are an object's own, or plain ones of its class."""
    own = getattr(thing, "__dict__", {})
    for name in dir(thing):
        if name.startswith("_"):
            continue
        static = inspect.getattr_static(type(thing), name, None)
        computed = hasattr(type(static), "__get__") and not inspect.ismemberdescriptor(static)
        if name not in own and computed:
            continue
        try:
            value = getattr(thing, name)
        except Exception:  # a slot without a value, or something that computes
            continue
        if not isinstance(value, _CODE):
            yield name, value


def _properties(thing: Any) -> Iterator[tuple[str, Any]]:
    for name in dir(type(thing)):
        if not name.startswith("_") and isinstance(inspect.getattr_static(type(thing), name, None), property):
            try:
                yield name, getattr(thing, name)
            except Exception:  # not every property has a value in the end
                continue
