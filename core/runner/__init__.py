"""The runner: given an app spec, submits the app to a scheduler."""

from orepass.runner.finding import make_scheduler, scheduler_names
from orepass.runner.handle import Handle, parse_handle
from orepass.runner.runner import DryRun, Runner, default_scheduler, get_runner
from orepass.runner.scheduler import Listed, Request, Scheduler

__all__ = [
    "DryRun",
    "Handle",
    "Listed",
    "Request",
    "Runner",
    "Scheduler",
    "default_scheduler",
    "get_runner",
    "make_scheduler",
    "parse_handle",
    "scheduler_names",
]
