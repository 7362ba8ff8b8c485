"""The page that shows what a search found: one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from orepass.flows._search_plots import coordinates, history, importance, short
from orepass.runnables.search_result import FAILED, SearchResult, Trial
from orepass.runnables.search_spaces import Space
from orepass.svg import in_markdown

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
html { color: #222; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; }
tr { border-bottom: 1px solid #ddd; } td { font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
svg { width: 100%; max-width: 60rem; height: auto; } p { color: #555; }
"""


def search_page(
    name: str, result: SearchResult, found: Mapping[str, Space], shares: Mapping[str, float], facts: Iterable[str]
) -> str:
    """The page of a search.

    Args:
        name: what it is called.
        result: what came of it.
        found: the search spaces by path.
        shares: the importance of each parameter.
        facts: lines to begin with.
    """
    best = result.best
    parts = [
        f"<h1>{escape(name)}</h1>",
        *(f"<p>{escape(fact)}</p>" for fact in facts),
        f"<h2>Best: trial {best.number}, {short(best.metric)}</h2>",
        _table(("parameter", "value"), [(path, short(value)) for path, value in best.params.items()]),
        *(f"<h2>{title}</h2>{picture}<p>{legend}</p>" for title, picture, legend in _plots(result, found, shares)),
        "<h2>Trials</h2>",
        f'<div class="wide">{_table(_header(found), map(_row, result.trials))}</div>',
    ]
    head = f'<meta charset="utf-8"><title>{escape(name)}</title><style>{_STYLE}</style>'
    return f"<!DOCTYPE html>\n<html lang='en'><head>{head}</head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"


def plots_in_markdown(result: SearchResult, found: Mapping[str, Space], shares: Mapping[str, float]) -> str:
    """The pictures of the page, as Markdown; see `search_page`."""
    plots = _plots(result, found, shares)
    return "\n\n".join(f"## {title}\n\n{in_markdown(picture, title)}\n\n{legend}" for title, picture, legend in plots)


def _plots(
    result: SearchResult, found: Mapping[str, Space], shares: Mapping[str, float]
) -> Iterator[tuple[str, str, str]]:
    """Title, picture and legend of each plot."""
    legend = "Trials: complete (blue), pruned (grey), failed (red, at the bottom); the line is the best so far."
    yield "History", history(result), legend
    if shares:  # it takes at least two complete trials with different metrics
        yield "Importance of the parameters", importance(shares), "Shares by PED-ANOVA, over the complete trials."
    legend = "A line for each trial that did not fail, through its values and its metric; the better, the darker."
    yield "Parallel coordinates", coordinates(result, found), legend


def _header(found: Mapping[str, Space]) -> list[str]:
    return ["trial", "state", "metric", *found, "error"]


def _row(trial: Trial) -> list[str]:
    state = trial.state if trial.budget is None or trial.state == FAILED else f"{trial.state} at {trial.budget}"
    error = (trial.error or "").partition("\n")[0]
    return [str(trial.number), state, short(trial.metric), *map(short, trial.params.values()), error]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table><tr>{top}</tr>\n{body}</table>"
