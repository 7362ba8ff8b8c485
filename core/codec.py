"""Results as JSON and back, exactly: what a hit returns equals what the run returned.

A `Path` inside the result's own folder is stored relative to it, one in another result relative to the store, so a
store can be moved. Dataclasses and Enums come back as the classes that the module's return annotation names: nothing
else is ever imported, so reading a shared store runs no code.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import os
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from orepass.errors import ResultError

_LARGEST_EXACT = 2**53
_STORABLE = (
    "Path, None, bool, int, float, str, list, tuple, mappings, and dataclasses and Enums named in the return annotation"
)


class Codec:
    """Turns the results of one module into JSON values and back.

    Args:
        annotation: the module's return annotation; the dataclasses and Enums in it are those that can be stored.
    """

    def __init__(self, annotation: Any) -> None:
        self._classes = {cls.__qualname__: cls for cls in _classes_in(annotation)}

    def encode(self, value: Any, folder: Path, root: Path, where: str = "result") -> Any:
        """The JSON form of a result.

        Args:
            value: what the module returned.
            folder: the result's own folder while it is made.
            root: the store's root.
            where: the name of the value, for error messages.

        Raises:
            ResultError: a value of a type that cannot be stored; names where it stands.
        """
        if value is None or type(value) is bool:
            return value
        if type(value) is int:
            return value if abs(value) < _LARGEST_EXACT else {"$int": hex(value)}
        if type(value) is str:
            return _text(value, where)
        if isinstance(value, enum.Enum):
            self._check_class(value, where)
            return {"$enum": type(value).__qualname__, "name": _text(value.name, where)}
        if isinstance(value, np.generic) and not isinstance(value, (np.longdouble, np.clongdouble)):
            return self.encode(value.item(), folder, root, where)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
        if isinstance(value, Path):
            return _encode_path(value, folder, root, where)
        if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
            members = [self.encode(member, folder, root, f"{where}[{i}]") for i, member in enumerate(value)]
            return members if isinstance(value, list) else {"$tuple": members}
        if isinstance(value, Mapping):
            pairs = [
                [self.encode(k, folder, root, f"{where} key"), self.encode(v, folder, root, f"{where}[{k!r}]")]
                for k, v in value.items()
            ]
            plain = all(type(key) is str and not key.startswith("$") for key in value)
            return dict(pairs) if plain else {"$map": pairs}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._encode_dataclass(value, folder, root, where)
        hint = "Write it to a file in workdir() and return the Path." if isinstance(value, np.ndarray) else ""
        raise ResultError(
            f"{where} is a {type(value).__qualname__}, which cannot be stored as JSON. {hint or _STORABLE}"
        )

    def decode(self, value: Any, folder: Path, root: Path) -> Any:
        """The result that a JSON form stands for; the arguments are those of `encode`.

        Raises:
            ResultError: the form is not one that `encode` makes for this module.
        """
        try:
            return self._decode(value, folder, root)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            if isinstance(error, ResultError):
                raise
            raise ResultError(f"it does not fit what the module returns now: {error}") from error

    def _decode(self, value: Any, folder: Path, root: Path) -> Any:
        if isinstance(value, list):
            return [self._decode(member, folder, root) for member in value]
        if not isinstance(value, dict):
            return value
        tag = next(iter(value), "")
        if not tag.startswith("$"):
            return {key: self._decode(member, folder, root) for key, member in value.items()}
        content = value[tag]
        match tag:
            case "$path":
                return Path(content)
            case "$out":
                return folder / content
            case "$store":
                return root / content
            case "$int":
                return int(content, 16)
            case "$float":
                return float(content)
            case "$tuple":
                return tuple(self._decode(member, folder, root) for member in content)
            case "$map":
                return {self._decode(k, folder, root): self._decode(v, folder, root) for k, v in content}
            case "$dataclass":
                fields = {k: self._decode(v, folder, root) for k, v in value["fields"].items()}
                return self._class(content)(**fields)
            case "$enum":
                return self._class(content)[value["name"]]
        raise ResultError(f"A stored result has the unknown tag {tag!r}; it was written by another version of orepass.")

    def _encode_dataclass(self, value: Any, folder: Path, root: Path, where: str) -> dict[str, Any]:
        self._check_class(value, where)
        fields = {
            field.name: self.encode(getattr(value, field.name), folder, root, f"{where}.{field.name}")
            for field in dataclasses.fields(value)
        }
        return {"$dataclass": type(value).__qualname__, "fields": fields}

    def _check_class(self, value: Any, where: str) -> None:
        name = type(value).__qualname__
        if self._class(name, where) is not type(value):
            raise ResultError(f"{where} is another {name} than the one in the module's return annotation.")

    def _class(self, name: str, where: str = "it") -> Any:
        if name not in self._classes:
            known = ", ".join(sorted(self._classes)) or "none"
            raise ResultError(
                f"{where} is a {name}, a class that is not in the module's return annotation (there: {known}). Add it."
            )
        return self._classes[name]


def points_to(value: Any) -> Iterator[str]:
    """The files and folders of other results that a stored form has in it, relative to the store's root."""
    if isinstance(value, dict):
        if "$store" in value:
            yield value["$store"]
        value = value.values()
    elif not isinstance(value, list):
        return
    for member in value:
        yield from points_to(member)


def _encode_path(path: Path, folder: Path, root: Path, where: str) -> dict[str, str]:
    absolute = Path(os.path.normpath(path.absolute()))
    _text(str(absolute), where)
    if absolute.is_relative_to(folder):
        if not absolute.exists():
            raise ResultError(f"{where} is {str(path)!r}, but the step has written nothing there.")
        return {"$out": absolute.relative_to(folder).as_posix()}
    if absolute.is_relative_to(root):
        return {"$store": absolute.relative_to(root).as_posix()}
    return {"$path": str(absolute)}


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ResultError(f"{where} is {value!r}, which UTF-8 cannot write, so it cannot be stored.") from None
    return value


def _classes_in(annotation: Any) -> set[type[Any]]:
    found: set[type[Any]] = set()
    waiting = [annotation]
    while waiting:
        current = waiting.pop()
        waiting.extend(typing.get_args(current))
        if not isinstance(current, type) or current in found:
            continue
        if issubclass(current, enum.Enum):
            found.add(current)
        elif dataclasses.is_dataclass(current):
            found.add(current)
            waiting.extend(typing.get_type_hints(current).values())
    return found
