"""The table of steps that runs end with in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orepass.report import RunReport, StepReport


def print_steps(console: Console, steps: Sequence[StepReport]) -> None:
    """Print what was in the store and what was computed, step by step."""
    table = Table()
    for name in ("step", "from cache", "computed", "seconds"):
        table.add_column(name, justify="left" if name == "step" else "right")
    for step in steps:
        table.add_row(Text(step.step), str(step.cached), str(step.computed), f"{step.seconds:.2f}")
    console.print(table)
    if RunReport(list(steps)).all_cached:
        saved = sum(step.saved_seconds for step in steps)
        console.print(f"Everything came from the cache ({saved:.1f} s of computing saved).")
