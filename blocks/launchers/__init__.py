"""Launchers: Prefect blocks that say where the steps of a flow run.

Each is imported when it is first asked for. Worker processes need none of them, and Dask's import alone takes half a
second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from orepass.blocks.launchers._base import Launcher
from orepass.config import explain_validation
from orepass.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from orepass.blocks.launchers.dask import DaskLauncher
    from orepass.blocks.launchers.debug import DebugLauncher
    from orepass.blocks.launchers.gpu import GpuLauncher
    from orepass.blocks.launchers.local import LocalLauncher
    from orepass.blocks.launchers.slurm import SlurmLauncher

LAUNCHERS = {
    "dask": "DaskLauncher",
    "debug": "DebugLauncher",
    "gpu": "GpuLauncher",
    "local": "LocalLauncher",
    "slurm": "SlurmLauncher",
}
"""The classes of the launchers by their short names, which are those of their modules, too."""

__all__ = [
    "LAUNCHERS",
    "DaskLauncher",
    "DebugLauncher",
    "GpuLauncher",
    "Launcher",
    "LocalLauncher",
    "SlurmLauncher",
    "launcher_type",
    "make_launcher",
]


def launcher_type(name: str) -> type[Launcher]:
    """The class of a launcher by its short name.

    Raises:
        ConfigError: there is no such launcher.
    """
    if name not in LAUNCHERS:
        raise ConfigError(f"No launcher {name!r}. {did_you_mean(name, LAUNCHERS)}")
    kind: type[Launcher] = getattr(import_module(f"{__name__}.{name}"), LAUNCHERS[name])
    return kind


def make_launcher(name: str, **options: Any) -> Launcher:
    """A launcher by its short name.

    Args:
        name: one of `LAUNCHERS`.
        **options: the launcher's fields.

    Raises:
        ConfigError: there is no such launcher, or it has no such option.
    """
    kind = launcher_type(name)
    for option in options:
        if option not in kind.model_fields:
            raise ConfigError(f"No option {option!r} in launcher {name}. {did_you_mean(option, kind.model_fields)}")
    try:
        return kind(**options)
    except ValidationError as error:
        raise ConfigError(explain_validation(f"launcher {name}", error)) from None


def __getattr__(attribute: str) -> Any:
    for name, kind in LAUNCHERS.items():
        if kind == attribute:
            return launcher_type(name)
    raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")


def __dir__() -> list[str]:
    """What `prefect block register` looks through for blocks."""
    return __all__
