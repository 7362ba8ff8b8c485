"""What a pipeline's `type` names: modules, multistage modules and adapters, by registered name or import path.

A package registers its modules as entry points of the group `orepass.modules`:

    [project.entry-points."orepass.modules"]
    tokenize = "my_package.tokenize:tokenize"
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
from types import ModuleType
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.importing import import_longest
from orepass.modules import Module
from orepass.pipelines.adapter import Adapter
from orepass.pipelines.multistage import MultistageModule

GROUP = "orepass.modules"

Type = Module[..., Any] | MultistageModule | Adapter[..., Any]
_KINDS = (Module, MultistageModule, Adapter)


@functools.cache  # looking through all that is installed takes a tenth of a second
def registered_types() -> dict[str, str]:
    """Where the modules are that can be named without their path: `package.module:name` by name."""
    return {entry.name: entry.value for entry in sorted(importlib.metadata.entry_points(group=GROUP))}


def find_type(name: str) -> Type:
    """The module, multistage module or adapter of a name.

    Args:
        name: a registered name, `package.module:name`, `package.module.name`, or a package or file that has it as
            `ModuleInfo` (itself or in its `info.py`) or that defines no other one.

    Raises:
        ConfigError: there is none.
    """
    registered = registered_types()
    if name in registered:
        return _imported(registered[name])
    if "." in name or ":" in name or _is_importable(name):
        return _imported(name)
    raise ConfigError(f"No type {name!r}. {did_you_mean(name, registered)} Or an import path: 'package.module:name'.")


def _is_importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # `__main__`
        return False


def _imported(name: str) -> Type:
    place, _, attribute = name.partition(":")
    imported = import_longest(place, f"type {place!r}")
    if imported is None:
        raise ConfigError(
            f"No type {place!r}: there is no module {place.partition('.')[0]!r} to import. "
            f"{did_you_mean(place, registered_types())} A file beside the pipeline's can be imported by its name; "
            "other packages have to be installed."
        )
    found: Any
    found, rest = imported
    for part in [*rest, *filter(None, attribute.split("."))]:
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ConfigError(_not_there(name, part, found)) from None
    if isinstance(found, ModuleType):
        return _only_one(name, found)
    if not isinstance(found, _KINDS):
        raise ConfigError(f"type {name!r} is a {type(found).__name__}, not a module. Decorate it with @module.")
    return found


def _only_one(name: str, place: ModuleType) -> Type:
    """The module that a package or file stands for."""
    if hasattr(place, "__path__") and importlib.util.find_spec(info := f"{place.__name__}.info") is not None:
        place = importlib.import_module(info)
    candidates = _defined_in(place)
    if "ModuleInfo" in candidates:
        return candidates["ModuleInfo"]
    if len(candidates) == 1:
        return next(iter(candidates.values()))
    if not candidates:
        raise ConfigError(f"type {name!r} has no module in it. Decorate a function with @module.")
    which = ", ".join(candidates)
    raise ConfigError(f"type {name!r} has the modules {which} in it. Name the one that is meant: '{name}:NAME'.")


def _defined_in(place: ModuleType) -> dict[str, Type]:
    return {
        name: value
        for name, value in vars(place).items()
        if isinstance(value, _KINDS) and (name == "ModuleInfo" or value.reference.startswith(f"{place.__name__}:"))
    }


def _not_there(name: str, part: str, holder: Any) -> str:
    there = _defined_in(holder) if isinstance(holder, ModuleType) else {}
    return f"No type {name!r}: there is no {part!r} in it. {did_you_mean(part, there) if there else ''}".rstrip()
