"""The one form that all equal configurations share, as plain JSON values."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from omegaconf import Container, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import SecretBytes, SecretStr

from orepass.errors import ConfigError, UnkeyableError

IGNORED_FIELDS = frozenset({"timeout_min"})
_LARGEST_EXACT = 2**53
_KEYABLE = (
    "None, bool, int, float, str, Path, Enum, list, tuple, set, mappings with string keys and dataclasses of these"
)
_HINTS: dict[Any, str] = {
    np.ndarray: "Write it to a file and give its Path.",
    (SecretStr, SecretBytes): "Configurations are written down: let the step read it from its environment, or from a "
    "Prefect Secret block, when it runs.",
}

Digest = Callable[[Path], str]


def canonical(value: Any, digest: Digest, where: str = "config") -> Any:
    """Reduce a configuration to JSON values that are equal where the configurations mean the same.

    Field order, tuple or list, Enum or its value, 1 or 1.0, DictConfig, mapping or dataclass make no difference.
    A `Path` becomes the digest of what it contains. `timeout_min` is left out at any depth.

    Args:
        value: a configuration or a part of one.
        digest: gives the digest of a path's content.
        where: the name of the value, for error messages.

    Raises:
        UnkeyableError: a value that has no such form; names the field.
        ConfigError: a mandatory value (`???`) that was not given.
    """
    if isinstance(value, enum.Enum):
        return canonical(value.value, digest, where)
    if isinstance(value, np.generic) and not isinstance(value, (np.longdouble, np.clongdouble)):
        return canonical(value.item(), digest, where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, Path):
        return {"$path": digest(value)}
    if isinstance(value, Container):
        return canonical(resolved(value, where), digest, where)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _mapping(fields, digest, where)
    if isinstance(value, Mapping):
        return _mapping(value, digest, where)
    if isinstance(value, Set):
        members = [canonical(member, digest, f"{where}{{}}") for member in value]
        return {"$set": sorted(members, key=dumps)}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [canonical(member, digest, f"{where}[{i}]") for i, member in enumerate(value)]
    hint = next((hint for kinds, hint in _HINTS.items() if isinstance(value, kinds)), f"Use {_KEYABLE}.")
    raise UnkeyableError(f"{where} is a {type(value).__qualname__}, which cannot stand in a cache key. {hint}")


def dumps(canonical_value: Any) -> bytes:
    """The bytes of a canonical value: equal values give equal bytes."""
    return orjson.dumps(canonical_value, option=orjson.OPT_SORT_KEYS)


def resolved(config: Container, where: str = "config") -> Any:
    """A DictConfig or ListConfig as plain containers, with its `${...}` filled in.

    Raises:
        ConfigError: a mandatory value (`???`) was not given, or one that is referred to is not there.
    """
    try:
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ConfigError(f"{where}: {error}. Give it on the command line or in the configuration file.") from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{where}: {error}") from error


def _number(value: int | float) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"$float": repr(float(value))}
        if not value.is_integer():
            return float(value)
    exact = int(value)
    # Beyond what JSON numbers carry exactly. Python writes integers of any length in hexadecimal digits only.
    return {"$int": hex(exact)} if abs(exact) >= _LARGEST_EXACT else exact


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UnkeyableError(
            f"{where} is {value!r}, which UTF-8 cannot write, so it cannot stand in a cache key. Is it the name of a "
            "file? Give it as a Path."
        ) from None
    return str(value)


def _mapping(mapping: Mapping[Any, Any], digest: Digest, where: str) -> dict[str, Any]:
    for key in mapping:
        if not isinstance(key, str):
            raise UnkeyableError(f"{where} has the key {key!r}; only strings can be keys of a mapping in a cache key.")
        _text(key, f"a key of {where}")
    # A key that begins with $ gets another one, so that it is not taken for one of the marks made here.
    return {
        f"${key}" if key.startswith("$") else key: canonical(value, digest, f"{where}.{key}")
        for key, value in mapping.items()
        if key not in IGNORED_FIELDS
    }
