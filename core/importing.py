"""Importing what users name by a dotted path, with errors that say what was named."""

from __future__ import annotations

import importlib
from types import ModuleType

from orepass.errors import ConfigError


class NotThere(ConfigError):
    """There is no module of the name that was to be imported."""


def import_place(place: str, what: str) -> ModuleType:
    """Import a module.

    Args:
        place: its dotted name.
        what: what the user named, for the message.

    Raises:
        NotThere: there is no such module.
        ConfigError: it cannot be imported.
    """
    try:
        return importlib.import_module(place)
    except Exception as error:
        problem = f"{what} cannot be imported: {type(error).__name__}: {error}."
        if isinstance(error, ModuleNotFoundError) and error.name and f"{place}.".startswith(f"{error.name}."):
            raise NotThere(problem) from error
        raise ConfigError(problem) from error


def import_longest(path: str, what: str) -> tuple[ModuleType, list[str]] | None:
    """The module at the longest leading part of a dotted path, and the rest; None if there is none.

    Args:
        path: a module, and perhaps attributes in it.
        what: what the user named, for the message.

    Raises:
        ConfigError: there is such a module, but it cannot be imported.
    """
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            return import_place(".".join(parts[:length]), what), parts[length:]
        except NotThere:
            continue
    return None
