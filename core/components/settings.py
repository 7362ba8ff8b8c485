"""The settings file of apps: what people would otherwise write on every command line.

scheduler: slurm
schedulers:
  slurm: {partition: gpu}
components:
  dist.ddp: {j: 2x2}
resources:
  gpu_small: {cpu: 4, gpu: 1, memMB: 16384}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.specs.app import Resource

FILE = "orepass-apps.yaml"


@dataclass(frozen=True)
class Settings:
    """What a settings file says.

    Attributes:
        scheduler: where apps run if the command line does not say it.
        schedulers: options of schedulers, by the scheduler's name.
        components: arguments of components, by the component's name as it is listed, or the file's as it is written on
            the command line.
        resources: resources by name.
    """

    scheduler: str | None = None
    schedulers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    components: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)


def read_settings(path: str | Path | None = None) -> Settings:
    """Read a settings file.

    Args:
        path: the file; `orepass-apps.yaml` in the current folder, if not given, or else `~/.orepass/apps.yaml`, or else
            nothing is set.

    Raises:
        ConfigError: it is not there, cannot be read, or says something that means nothing.
    """
    places = [Path(FILE), Path.home() / ".orepass/apps.yaml"] if path is None else [Path(path).expanduser()]
    for place in places:
        if place.is_file():
            try:
                return _read(place)
            except ConfigError as error:
                raise ConfigError(f"{place}: {error}") from None
    if path is not None:
        raise ConfigError(f"There is no settings file {places[0]}.")
    return Settings()


def _read(path: Path) -> Settings:
    import yaml

    from orepass.config import load  # loads NumPy, for nothing where there is no file

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"this is no YAML: {error}") from error
    if document is None:
        return Settings()
    if not isinstance(document, dict):
        raise ConfigError("expected a mapping with scheduler, schedulers, components, resources.")
    resources = document.get("resources")
    if isinstance(resources, dict):
        document["resources"] = {name: _resource(name, fields) for name, fields in resources.items()}
    settings = load(Settings, document)
    _check_names(settings)
    return settings


def _resource(name: Any, fields: Any) -> Resource:
    from orepass.config import load

    try:
        return load(Resource, fields)
    except ConfigError as error:
        raise ConfigError(f"resources.{name}: {error}") from None


def _check_names(settings: Settings) -> None:
    from orepass.components.finding import is_place, registered_components
    from orepass.runner import scheduler_names

    for name in [*settings.schedulers, *([settings.scheduler] if settings.scheduler is not None else [])]:
        if name not in scheduler_names():
            raise ConfigError(f"no scheduler {name!r}. {did_you_mean(name, scheduler_names())}")
    for name in settings.components:
        if not is_place(name) and name not in registered_components():
            raise ConfigError(f"no component {name!r}. {did_you_mean(name, registered_components())}")
