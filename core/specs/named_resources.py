"""Resources by name, such as `gpu_1`, so that components need not know how large a machine is.

They are looked for in the settings file of apps (`orepass-apps.yaml`), in the entry points of the group
`orepass.resources` that installed packages have, and here; the first that has the name wins. An entry point names a
`Resource`, or a function without arguments that returns one:

    [project.entry-points."orepass.resources"]
    a100_8 = "my_package.machines:a100_8"
"""

from __future__ import annotations

import copy
import importlib.metadata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from orepass.errors import ConfigError, did_you_mean
from orepass.specs.app import Resource

GROUP = "orepass.resources"
_GB = 1024

GENERIC_RESOURCES: Mapping[str, Resource] = {
    "cpu_1": Resource(cpu=1, gpu=0, memMB=4 * _GB),
    "cpu_4": Resource(cpu=4, gpu=0, memMB=16 * _GB),
    "cpu_16": Resource(cpu=16, gpu=0, memMB=64 * _GB),
    "gpu_1": Resource(cpu=8, gpu=1, memMB=64 * _GB),
    "gpu_4": Resource(cpu=32, gpu=4, memMB=256 * _GB),
    "gpu_8": Resource(cpu=64, gpu=8, memMB=512 * _GB),
}
"""Shapes that most clusters have; where yours differ, write the same names into the settings file."""

_in_use: ContextVar[Mapping[str, Resource] | None] = ContextVar("orepass_resources", default=None)


def resource(
    cpu: int | None = None, gpu: int | None = None, memMB: int | None = None, h: str | None = None
) -> Resource:
    """What a replica needs, by its parts or by its name.

    Args:
        cpu: processor cores; whatever the scheduler gives, if not given.
        gpu: graphics processors; likewise.
        memMB: main memory in MB; likewise.
        h: the name of a resource, which wins over the others.

    Raises:
        ConfigError: there is no resource of this name.
    """
    if h:
        return named_resource(h)
    cpu, gpu, memMB = (-1 if part is None else part for part in (cpu, gpu, memMB))
    return Resource(cpu, gpu, memMB)


def named_resource(name: str) -> Resource:
    """The resource of a name; a copy.

    Raises:
        ConfigError: there is none, or the package that registers it cannot be imported.
    """
    settings = _of_settings()
    registered = {entry.name: entry for entry in importlib.metadata.entry_points(group=GROUP)}
    if name in settings:
        return copy.deepcopy(settings[name])
    if name in registered:
        return _loaded(registered[name])
    if name in GENERIC_RESOURCES:
        return copy.deepcopy(GENERIC_RESOURCES[name])
    raise ConfigError(f"No resource {name!r}. {did_you_mean(name, {*settings, *registered, *GENERIC_RESOURCES})}")


@contextmanager
def use_resources(resources: Mapping[str, Resource]) -> Iterator[None]:
    """Look names up here in place of the usual settings file, for as long as the context lasts.

    Args:
        resources: those of the settings file that is in use, by name.
    """
    token = _in_use.set(resources)
    try:
        yield
    finally:
        _in_use.reset(token)


def _of_settings() -> Mapping[str, Resource]:
    given = _in_use.get()
    if given is not None:
        return given
    from orepass.components.settings import read_settings  # components are made of specs

    return read_settings().resources


def _loaded(entry: importlib.metadata.EntryPoint) -> Resource:
    place = f"The resource {entry.name} ({entry.value})"
    try:
        found = entry.load()
        found = found() if callable(found) else found
    except Exception as error:
        raise ConfigError(f"{place} cannot be had: {error!r}") from error
    if not isinstance(found, Resource):
        raise ConfigError(f"{place} is of type {type(found).__name__}, not Resource.")
    return copy.deepcopy(found)
