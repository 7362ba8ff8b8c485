"""Schedulers by name: those of this library, and those that other packages register."""

from __future__ import annotations

import functools
import importlib.metadata
from typing import Any

from pydantic import ValidationError

from orepass.config import explain_validation
from orepass.errors import ConfigError, did_you_mean
from orepass.runner.scheduler import GROUP, Scheduler


@functools.cache
def scheduler_names() -> dict[str, str]:
    """Where the schedulers are: `package.module:Class` by name."""
    return {entry.name: entry.value for entry in sorted(importlib.metadata.entry_points(group=GROUP))}


def make_scheduler(name: str, **options: Any) -> Scheduler:
    """A scheduler by its name.

    Args:
        name: one of `scheduler_names()`.
        **options: the scheduler's fields.

    Raises:
        ConfigError: there is no such scheduler, it cannot be imported, or it has no such option.
    """
    kind = scheduler_type(name)
    valid = getattr(kind, "model_fields", {})
    for option in options:
        if option not in valid:
            raise ConfigError(f"No option {option!r} in scheduler {name}. {did_you_mean(option, valid)}")
    try:
        return kind(**options)
    except ValidationError as error:
        raise ConfigError(explain_validation(f"scheduler {name}", error)) from None


def scheduler_type(name: str) -> type[Scheduler]:
    """The class of a scheduler.

    Raises:
        ConfigError: there is no such scheduler, or it cannot be imported.
    """
    if name not in scheduler_names():
        raise ConfigError(f"No scheduler {name!r}. {did_you_mean(name, scheduler_names())}")
    (entry,) = importlib.metadata.entry_points(group=GROUP, name=name)
    try:
        kind = entry.load()
    except Exception as error:
        raise ConfigError(f"The scheduler {name} ({entry.value}) cannot be imported: {error!r}") from error
    if not (isinstance(kind, type) and issubclass(kind, Scheduler)):
        raise ConfigError(f"The scheduler {name} ({entry.value}) is no subclass of orepass.runner.Scheduler.")
    return kind
