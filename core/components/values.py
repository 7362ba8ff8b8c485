"""Values of arguments: what is written on a command line or in a settings file, as the component expects it."""

from __future__ import annotations

import ast
import inspect
import shlex
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from orepass.errors import ConfigError

UNTYPED: Any = inspect.Parameter.empty
"""The type of an argument that says none."""

_NUMBERS_ARE_TEXT_TOO = ConfigDict(coerce_numbers_to_str=True)


def convert(value: Any, kind: Any, where: str) -> Any:
    """A value of the type that an argument has.

    Text becomes a list at its commas, and a mapping of `A=1,B=2`; quotes and backslashes keep commas, as in a shell.
    Where no type is said, text stays text unless it is a whole number, a fraction, True or False just as Python writes
    it, so that writing the value out gives the same text again.

    Args:
        value: text of a command line, or what a settings file has.
        kind: the type, or `UNTYPED`.
        where: how the argument is called, for error messages.

    Raises:
        ConfigError: it is no such value.
    """
    if kind is UNTYPED:
        return _as_python_writes_it(value) if isinstance(value, str) else value
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind, config=_NUMBERS_ARE_TEXT_TOO)
    except PydanticUserError:
        raise ConfigError(
            f"{where} has the type {spelled(kind)}, which cannot be written. Components take str, int, float, bool, "
            "lists and mappings of these, and each of them | None."
        ) from None
    try:
        return adapter.validate_python(_parts(value, kind) if isinstance(value, str) else value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ConfigError(f"{where}: {value!r} is no {spelled(kind)}: {problem['msg']}.") from None
    except ValueError as error:
        raise ConfigError(f"{where}: {value!r} is no {spelled(kind)}: {error}.") from None


def without_none(kind: Any) -> Any:
    """The type that an Optional is for; other types as they are."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [one for one in typing.get_args(kind) if one is not type(None)]
        return rest[0] if len(rest) == 1 else kind
    return kind


def is_mapping(kind: Any) -> bool:
    """Whether values of a type are mappings."""
    return _is_a(kind, Mapping)


def is_list(kind: Any) -> bool:
    """Whether values of a type are lists, or the like."""
    return _is_a(kind, Collection) and not _is_a(kind, (Mapping, str, bytes))


def spelled(kind: Any) -> str:
    """A type as it is written."""
    return "value" if kind is UNTYPED else inspect.formatannotation(kind)


def _is_a(kind: Any, base: type | tuple[type, ...]) -> bool:
    kind = without_none(kind)
    origin = typing.get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, base)


def _parts(text: str, kind: Any) -> Any:
    if is_list(kind):
        return _split(text)
    if is_mapping(kind):
        pairs = [part.partition("=") for part in _split(text)]
        for name, equals, _ in pairs:
            if not equals:
                raise ValueError(f"{name!r} has no `=`; write A=1,B=2, and quote values that have commas")
        return {name: value for name, _, value in pairs}
    return text


def _split(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = ",", True, ""
    return list(lexer)


def _as_python_writes_it(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, (bool, int, float)) and repr(value) == text else text
