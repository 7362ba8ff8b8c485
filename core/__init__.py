"""Cached, parallel pipelines for machine-learning data on Prefect."""

from orepass.module import Module, module
from orepass.progress import progress
from orepass.report import run_report
from orepass.requirements import Requirements
from orepass.store import Store, current_store, use_store
from orepass.workdir import workdir

__all__ = [
    "Module",
    "Requirements",
    "Store",
    "current_store",
    "module",
    "progress",
    "run_report",
    "use_store",
    "workdir",
]
