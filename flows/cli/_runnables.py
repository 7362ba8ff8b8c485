"""`orepass run` on a runnables document."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from orepass.errors import ConfigError
from orepass.flows._ending import DONE
from orepass.flows._main import run_flow
from orepass.flows._runnable_file import read_runnable_file
from orepass.flows._search_report import print_search
from orepass.flows._steps_table import print_steps
from orepass.flows.cli._pipelines import OVERRIDE
from orepass.flows.experiment import run_experiment
from orepass.flows.runnable import run_runnable
from orepass.flows.search import run_search_flow


def run_document(arguments: argparse.Namespace) -> int:
    """Run a runnables document as a whole."""
    for option in ("force", "dry_run", "keep_going"):
        if getattr(arguments, option):
            raise ConfigError(f"--{option.replace('_', '-')} is for pipeline files; {arguments.file} is a runnable.")
    if names := [word for word in arguments.words if not OVERRIDE.match(word)]:
        raise ConfigError(f"{arguments.file} is a runnable, which has no modules to name, but got: {' '.join(names)}.")
    path = Path(arguments.file).resolve()
    config = read_runnable_file(path, arguments.words, may_install=not arguments.no_install)
    out = Console(highlight=False, emoji=False, soft_wrap=True)
    if "search" in config:
        print_search(out, run_flow(run_search_flow.with_options(flow_run_name=path.stem), config))
        return DONE
    if "places" in config:
        experiment = run_flow(run_experiment.with_options(flow_run_name=path.stem), config)
        print_steps(out, experiment.steps)
        out.print(*experiment.lines, f"Files: {' '.join(map(str, experiment.files))}", sep="\n", markup=False)
        return DONE
    result = run_flow(run_runnable.with_options(flow_run_name=path.stem), config)
    print_steps(out, result.steps)
    if result.metric is not None:
        out.print(f"Metric: {result.metric:g}")
    if result.files:
        out.print(f"Files: {' '.join(map(str, result.files))}", markup=False)
    return DONE
