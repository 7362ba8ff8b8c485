"""What tags and `_target_` may name: our own names, what is in declared extensions, and what was allowed.

A package registers its runnables, and what they are made of, as entry points of the group `orepass.runnables`:

    [project.entry-points."orepass.runnables"]
    MyTrainer = "my_package.training:MyTrainer"
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable, Collection, Iterable
from types import ModuleType
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.importing import import_longest, import_place

GROUP = "orepass.runnables"


@functools.cache  # looking through all that is installed takes a tenth of a second
def own_names() -> dict[str, str]:
    """Where our own names are, and those of other packages: `package.module:attribute` by name."""
    return {entry.name: entry.value for entry in sorted(importlib.metadata.entry_points(group=GROUP))}


def canonical_name(target: str) -> str:
    """The name of what is one of our own, if it is given by its import path; else what was given."""
    paths = {place.replace(":", "."): name for name, place in own_names().items()}
    return paths.get(target, target)


def check_name(target: str, modules: Collection[str] = (), others: Iterable[str] = ()) -> None:
    """Check that something may be named. Imports nothing.

    Args:
        target: a name of our own, or an import path, `module.Name`.
        modules: the names of declared extensions, and import paths that were allowed. What is below one may be named.
        others: what else could have been meant, for the message.

    Raises:
        ConfigError: it may not; says how to declare it.
    """
    if target in own_names():
        return
    if "." not in target:
        if target in modules:
            raise ConfigError(f"{target!r} is a module. Name what is in it: {target}.NAME.")
        raise ConfigError(
            f"Nothing is called {target!r}. {did_you_mean(target, [*own_names(), *others])} What is in an extension "
            "has the name of its module before its own: my_ext.NAME."
        )
    if any(target == module or target.startswith(f"{module}.") for module in modules):
        return
    first = target.partition(".")[0]
    near = f" {did_you_mean(first, modules)}" if modules else ""
    raise ConfigError(
        f"{target!r} may not be named: {first!r} is no declared extension.{near} Declare it at the top of the file, "
        f"with a line of --- after it: '{first}: FOLDER, URL or requirement'."
    )


def find(target: str, modules: Collection[str] = ()) -> Callable[..., Any]:
    """Import what a name means: a class or function.

    Args:
        target: a name of our own, or an import path, `module.Name`.
        modules: as in `check_name`.

    Raises:
        ConfigError: it may not be named, is not there, or cannot be called.
    """
    check_name(target, modules)
    if target in own_names():
        place, _, attribute = own_names()[target].partition(":")
        holder, names = import_place(place, repr(target)), attribute.split(".")
    elif (imported := import_longest(target, repr(target))) is not None:
        holder, names = imported
    else:
        first = target.partition(".")[0]
        raise ConfigError(
            f"{target!r} cannot be imported: there is no module {first!r}. Install what it is from with pip, or see "
            "that its extension has a module of this name."
        )
    found = _attribute(holder, names, target)
    if not callable(found):
        raise ConfigError(f"{target!r} is a {type(found).__name__}, which cannot be called. Name a class or function.")
    return found  # type: ignore[no-any-return]


def _attribute(module: ModuleType, names: list[str], target: str) -> Any:
    if not names:
        raise ConfigError(f"{target!r} is a module. Name what is in it: {target}.NAME.")
    found: Any = module
    for name in names:
        # Else my_ext.os.system would be a name: what a module imports is none of its own names.
        if found is not module and not isinstance(found, type):
            raise ConfigError(
                f"There is no {target!r}: what comes before {name!r} is neither a module of the package nor a class."
            )
        if name.startswith("_") or not hasattr(found, name):
            public = [known for known in dir(found) if not known.startswith("_")]
            raise ConfigError(f"There is no {name!r} in {found.__name__!r}. {did_you_mean(name, public)}")
        found = getattr(found, name)
    return found
