"""What a search tells people: files in `output_dir`, artifacts in the UI, a table in the terminal."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.context import FlowRunContext
from rich.console import Console
from rich.table import Table

from orepass.flows._search_page import plots_in_markdown, search_page
from orepass.flows._search_plots import short
from orepass.publish import publish, publish_text
from orepass.report import RunReport
from orepass.runnables.json_form import from_json
from orepass.runnables.search import SearchConfig
from orepass.runnables.search_document import as_document
from orepass.runnables.search_importance import importances
from orepass.runnables.search_result import FAILED, PRUNED, SearchResult
from orepass.runnables.walking import spaces

if TYPE_CHECKING:
    from orepass.flows.search import SearchFlowResult

logger = logging.getLogger(__name__)
_HEAD = 10
_ARTIFACT_ROWS = 500


@dataclass(frozen=True)
class TrialRow:
    """A trial, as tables have it.

    Attributes:
        number: from 0.
        state: `complete`, `pruned` or `failed`.
        metric: what it came to.
        budget: how much of it the trial has had.
        params: the values by path.
        error: why it failed.
        folder: what its run wrote.
    """

    number: int
    state: str
    metric: float | None
    budget: int | None
    params: dict[str, Any]
    error: str | None
    folder: Path | None


def rows_of(result: SearchResult) -> tuple[TrialRow, ...]:
    """The trials by number."""
    return tuple(
        TrialRow(trial.number, trial.state, trial.metric, trial.budget, dict(trial.params), trial.error, trial.folder)
        for trial in result.trials
    )


async def publish_search(
    result: SearchResult, config: SearchConfig, name: str, sources: Mapping[str, str], folder: Path
) -> tuple[Path, ...]:
    """Put the result where people look for it: in the output folder and among the run's artifacts.

    Args:
        result: of the search.
        config: of the search.
        name: what it is called.
        sources: where its extensions are from, by module.
        folder: where the files go.

    Returns:
        `best.yaml`, `trials.tsv`, `trials.json`, `search.html`, and what the best trial wrote.

    Raises:
        StoreError: the folder cannot be written.
    """
    found = spaces(from_json(config.tree))
    shares = importances(found, result.trials, result.direction)
    rows, best = rows_of(result), result.best
    texts = {
        "best.yaml": _best(result, config, name, sources),
        "trials.tsv": _tsv(rows, list(found)),
        "trials.json": json.dumps(
            {
                "best": best.number,
                "direction": result.direction,
                "importances": shares,
                "trials": [asdict(row) for row in rows],
            },
            default=str,
            indent=2,
        ),
        "search.html": search_page(name, result, found, shares, [_told(result, config)]),
    }
    files = [publish_text(text, folder / file) for file, text in texts.items()]
    if best.folder is not None:
        written = sorted(path for path in best.folder.rglob("*") if path.is_file())
        files += [publish(path, folder / "best" / path.relative_to(best.folder).parent) for path in written]
    if FlowRunContext.get() is not None:
        shown = len(rows) <= _ARTIFACT_ROWS
        plots = plots_in_markdown(result, found, shares) if shown else "The plots of so many trials are in search.html."
        await _artifacts(rows, result, shares, plots)
    return tuple(files)


def print_search(console: Console, result: SearchFlowResult) -> None:
    """Print the best trials, and where everything is."""
    steps = result.steps
    counts = f"{sum(s.cached for s in steps)} from the cache, {sum(s.computed for s in steps)} computed"
    console.print(
        f"{len(steps)} {'run' if len(steps) == 1 else 'runs'}: {counts}, {sum(s.failed for s in steps)} failed."
    )
    if RunReport(list(steps)).all_cached:
        console.print(
            f"Everything came from the cache ({sum(s.saved_seconds for s in steps):.1f} s of computing saved)."
        )
    numbers = {row.number: row for row in result.trials}
    shown = [numbers[number] for number in result.ranked[:_HEAD]]
    paths = list(result.params)
    table = Table(title=f"The best of {len(result.trials)} trials", title_justify="left")
    for column in ("trial", "state", "metric", *paths):
        table.add_column(column, justify="right" if column == "metric" else "left")
    for row in shown:
        table.add_row(str(row.number), row.state, short(row.metric), *(short(row.params[path]) for path in paths))
    console.print(table)
    failed = [row for row in result.trials if row.state == FAILED]
    if failed:
        trials = "trial" if len(failed) == 1 else "trials"
        console.print(f"{len(failed)} {trials} failed; the first: {_first_line(failed[0].error)}", markup=False)
    console.print(f"Metric: {result.metric:g}")
    console.print(f"Best:   trial {result.ranked[0]}: {_named(result.params)}", markup=False)
    console.print(f"Files:  {' '.join(map(str, result.files))}", markup=False)


async def _artifacts(rows: tuple[TrialRow, ...], result: SearchResult, shares: Mapping[str, float], plots: str) -> None:
    cells = [
        {"trial": row.number, "state": row.state, "metric": row.metric}
        | {path: _cell(value) for path, value in row.params.items()}
        | {"error": _first_line(row.error)}
        for row in rows[:_ARTIFACT_ROWS]
    ]
    best = result.best
    lines = [f"Best: trial {best.number}, metric {best.metric:g}", "", "| parameter | value | importance |", "|-|-|-|"]
    lines += [f"| {path} | {_cell(value)} | {shares.get(path, 0):.2f} |" for path, value in best.params.items()]
    lines += ["", plots]
    try:
        await acreate_table_artifact(table=cells, key="search-trials", description="All trials of the search.")
        await acreate_markdown_artifact(
            "\n".join(lines), key="search-best", description="The best trial, and plots of all."
        )
    except Exception as error:  # whatever the server's trouble is, the search is done
        logger.warning("The search could not be shown in the UI: %s", error)


def _best(result: SearchResult, config: SearchConfig, name: str, sources: Mapping[str, str]) -> str:
    allow = f" 'allow=[{','.join(config.allow)}]'" if config.allow else ""
    head = f"# The best of {name}: trial {result.best.number}, {result.best.metric!r}. orepass run best.yaml{allow}\n"
    return head + as_document(result.best.tree, sources, Path(config.folder))


def _tsv(rows: tuple[TrialRow, ...], paths: list[str]) -> str:
    lines = [["number", "state", "metric", "budget", *paths, "error"]]
    for row in rows:
        plain = ["" if value is None else str(value) for value in (row.metric, row.budget)]
        values = [_cell(row.params[path]) for path in paths]
        lines.append([str(row.number), row.state, *plain, *values, _first_line(row.error)])
    return "".join("\t".join(" ".join(cell.split()) for cell in line) + "\n" for line in lines)


def _told(result: SearchResult, config: SearchConfig) -> str:
    options = config.options
    counts = {state: sum(trial.state == state for trial in result.trials) for state in (PRUNED, FAILED)}
    others = "".join(f", {count} {state}" for state, count in counts.items() if count)
    return (
        f"{len(result.trials)} trials{others}; algorithm {options.algorithm}, {options.direction}, seed {options.seed}."
    )


def _named(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{path}={_cell(value)}" for path, value in params.items())


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _first_line(error: str | None) -> str:
    return (error or "").partition("\n")[0]
