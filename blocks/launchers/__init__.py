"""Launchers: Prefect blocks that say where the steps of a flow run."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from orepass.blocks.launchers._base import Launcher
from orepass.blocks.launchers.dask import DaskLauncher
from orepass.blocks.launchers.debug import DebugLauncher
from orepass.blocks.launchers.gpu import GpuLauncher
from orepass.blocks.launchers.local import LocalLauncher
from orepass.blocks.launchers.slurm import SlurmLauncher
from orepass.config import explain_validation
from orepass.errors import ConfigError, did_you_mean

LAUNCHERS: dict[str, type[Launcher]] = {
    "dask": DaskLauncher,
    "debug": DebugLauncher,
    "gpu": GpuLauncher,
    "local": LocalLauncher,
    "slurm": SlurmLauncher,
}


def make_launcher(name: str, **options: Any) -> Launcher:
    """A launcher by its short name.

    Args:
        name: one of `LAUNCHERS`.
        **options: the launcher's fields.

    Raises:
        ConfigError: there is no such launcher, or it has no such option.
    """
    if name not in LAUNCHERS:
        raise ConfigError(f"No launcher {name!r}. {did_you_mean(name, LAUNCHERS)}")
    kind = LAUNCHERS[name]
    for option in options:
        if option not in kind.model_fields:
            raise ConfigError(f"No option {option!r} in launcher {name}. {did_you_mean(option, kind.model_fields)}")
    try:
        return kind(**options)
    except ValidationError as error:
        raise ConfigError(explain_validation(f"launcher {name}", error)) from None


__all__ = [
    "LAUNCHERS",
    "DaskLauncher",
    "DebugLauncher",
    "GpuLauncher",
    "Launcher",
    "LocalLauncher",
    "SlurmLauncher",
    "make_launcher",
]
