"""Runs the variants of a benchmark in turn, each in a fresh process, and prints medians, spreads and ratios."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

Variant = Callable[[Path], dict[str, float]]
Runs = dict[str, list[dict[str, float]]]


def main(title: str, variants: dict[str, Variant], conclude: Callable[[Runs], str] | None = None) -> None:
    """Be the driver, or the process of one variant.

    A variant gets a fresh folder and returns figures by name; `seconds` is what is compared, and what it calls
    `peak MB` is added here: the largest resident size of its process or of one that it started.

    Args:
        title: what is measured.
        variants: what is run, by name.
        conclude: makes the line at the end, of all figures.
    """
    if len(sys.argv) == 4 and sys.argv[1] == "--variant":
        _be(variants[sys.argv[2]], Path(sys.argv[3]))
        return
    runs = int(sys.argv[1]) if len(sys.argv) == 2 else 5
    found: Runs = {name: [] for name in variants}
    for _ in range(runs):
        for name in variants:
            found[name].append(_run(name))
    console = Console(width=120)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    python = platform.python_version()
    console.print(f"{title}\n{runs} runs in turn; {os.cpu_count()} cores, load {load}, Python {python}")
    console.print(_table(found))
    if conclude is not None:
        console.print(conclude(found))


def _run(name: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="orepass-bench-") as folder:
        command = [sys.executable, sys.argv[0], "--variant", name, folder]
        environment = {**os.environ, "PREFECT_LOGGING_LEVEL": "ERROR"}
        result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return dict(json.loads(result.stdout.splitlines()[-1]))


def _be(variant: Variant, folder: Path) -> None:
    figures = variant(folder)
    peaks = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps(figures | {"peak MB": max(figures.get("peak MB", 0.0), *peaks)}))


def _table(found: Runs) -> Table:
    names = list(dict.fromkeys(name for runs in found.values() for name in runs[0]))
    table = Table("variant", *names)
    for variant, runs in found.items():
        table.add_row(variant, *(_cell([run[name] for run in runs if name in run]) for name in names))
    return table


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    return f"{statistics.median(values):.3g} ({min(values):.3g}-{max(values):.3g})"


def seconds(function: Callable[[], object]) -> float:
    """Wall-clock seconds of a call."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun
