"""The page that shows what a mining run found: one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from orepass.tasks.bitext.write_pairs import Example, WrittenPairs

if TYPE_CHECKING:
    from orepass.flows._mining_report import MiningResult

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
html { color: #222; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; }
tr { border-bottom: 1px solid #ddd; } td { font-variant-numeric: tabular-nums; }
.examples { width: 100%; table-layout: fixed; overflow-wrap: anywhere; } .examples th:first-child { width: 5rem; }
svg { width: 100%; max-width: 50rem; font-size: 12px; } svg text { fill: #222; }
.mined { fill: #2a6f97; } .left { fill: #b8c4cc; }
.tables { display: flex; flex-wrap: wrap; gap: 1rem 4rem; align-items: start; } p { color: #555; }
"""

_WIDTH, _HEIGHT = 800, 180


def report_page(result: MiningResult, facts: Iterable[tuple[str, str]], written: WrittenPairs) -> str:
    """The page of one run.

    Args:
        result: what came of the run.
        facts: its figures, by name.
        written: the examples.
    """
    src, tgt = result.languages
    title = escape(f"{result.corpus} {src}-{tgt}")
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    facts_table = _table(("result", ""), [(escape(name), escape(value)) for name, value in facts])
    parts = [
        f"<h1>{title}</h1>",
        f'<div class="tables">{facts_table}{_counts(result)}</div>',
        "<h2>Candidate pairs by score</h2>",
        _histogram(*result.histogram, result.threshold),
        *_examples("The mined pairs with the lowest scores", written.above, result.languages),
        *_examples("The best candidates below the threshold", written.below, result.languages),
        *_examples("Mined pairs, from the best to the worst", written.sample, result.languages),
    ]
    return f"<!DOCTYPE html>\n<html lang='en'><head>{head}</head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table of cells that are HTML already."""
    top = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<table class="{kind}"><tr>{top}</tr>\n{body}</table>'


def _counts(result: MiningResult) -> str:
    sides = [counts | {"embedded": number} for counts, number in zip(result.counts, result.sentences, strict=True)]
    # A step may be there for one language only.
    steps = dict.fromkeys([step for counts in result.counts for step in counts] + ["embedded"])
    rows = [(escape(step), *(f"{side[step]:,}" if step in side else "" for side in sides)) for step in steps]
    return _table(("sentences", *map(escape, result.languages)), [*rows, ("mined", f"{result.mined:,}", "")])


def _histogram(counts: Sequence[int], edges: Sequence[float], threshold: float) -> str:
    """Bars from the lowest score to the highest, and a line at the threshold."""
    if not counts:
        return "<p>There are no candidates.</p>"
    low, high = edges[0], edges[-1]
    step = _WIDTH / len(counts)
    bars = []
    for place, (count, edge) in enumerate(zip(counts, edges, strict=False)):
        height = _HEIGHT * count / max(counts)
        kind = "mined" if edge + (high - low) / len(counts) / 2 >= threshold else "left"
        bars.append(
            f'<rect class="{kind}" x="{place * step:.1f}" y="{_HEIGHT - height:.1f}" '
            f'width="{step - 1:.1f}" height="{height:.1f}"><title>{count:,} from {edge:.3f}</title></rect>'
        )
    at = min(max((threshold - low) / (high - low), 0), 1) * _WIDTH
    anchor = "start" if at < _WIDTH / 2 else "end"
    return (
        f'<svg viewBox="0 -20 {_WIDTH} {_HEIGHT + 40}" role="img">{"".join(bars)}'
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{_HEIGHT}" stroke="#c1121f" stroke-dasharray="4"/>'
        f'<text x="{at:.1f}" y="-6" text-anchor="{anchor}">threshold {threshold:.4g}</text>'
        f'<text x="0" y="{_HEIGHT + 16}">{low:.3f}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 16}" text-anchor="end">{high:.3f}</text></svg>'
        f"<p>The highest bar stands for {max(counts):,} candidates.</p>"
    )


def _examples(title: str, examples: Sequence[Example], languages: Sequence[str]) -> list[str]:
    if not examples:
        return []
    rows = [
        (f"{one.score:.4f}", *(f'<span dir="auto">{escape(text)}</span>' for text in (one.source, one.target)))
        for one in examples
    ]
    return [f"<h2>{title}</h2>", _table(("score", *map(escape, languages)), rows, "examples")]
