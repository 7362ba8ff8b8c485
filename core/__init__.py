"""Cached, parallel pipelines for machine-learning data on Prefect.

Names are looked up when they are first used: `orepass.runtime` and `orepass.specs`, which applications may import, then
load neither Prefect nor NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from orepass.environment import set_defaults

if TYPE_CHECKING:
    from orepass.modules import Module, module
    from orepass.progress_reports import progress
    from orepass.report import run_report
    from orepass.requirements import Requirements
    from orepass.run_environment import get_env, set_env
    from orepass.side_by_side import together
    from orepass.step_folder import checkpoint_folder, workdir
    from orepass.store import Store, current_store, use_store

set_defaults()  # before Prefect is imported, because it reads them then

_PLACES = {
    "Module": "modules",
    "Requirements": "requirements",
    "Store": "store",
    "checkpoint_folder": "step_folder",
    "current_store": "store",
    "get_env": "run_environment",
    "module": "modules",
    "progress": "progress_reports",
    "run_report": "report",
    "set_env": "run_environment",
    "together": "side_by_side",
    "use_store": "store",
    "workdir": "step_folder",
}

__all__ = [
    "Module",
    "Requirements",
    "Store",
    "checkpoint_folder",
    "current_store",
    "get_env",
    "module",
    "progress",
    "run_report",
    "set_env",
    "together",
    "use_store",
    "workdir",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    return found


def __dir__() -> list[str]:
    """What is public, for completion."""
    return __all__
