"""Cached, parallel pipelines for machine-learning data on Prefect."""

from orepass.environment import set_defaults

set_defaults()  # before Prefect is imported, because it reads them then

from orepass.module import Module, module  # noqa: E402
from orepass.progress import progress  # noqa: E402
from orepass.report import run_report  # noqa: E402
from orepass.requirements import Requirements  # noqa: E402
from orepass.store import Store, current_store, use_store  # noqa: E402
from orepass.together import together  # noqa: E402
from orepass.workdir import workdir  # noqa: E402

__all__ = [
    "Module",
    "Requirements",
    "Store",
    "current_store",
    "module",
    "progress",
    "run_report",
    "together",
    "use_store",
    "workdir",
]
