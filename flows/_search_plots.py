"""What a search found, as pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from orepass.runnables.search_result import SearchResult, Trial
from orepass.runnables.search_spaces import Integers, LogUniform, Space, Uniform
from orepass.svg import svg

_STYLE = """<style>
text { font-size: 12px; fill: #222; paint-order: stroke; stroke: #fff; stroke-width: 3px; }
.complete { fill: #2a6f97; } .pruned { fill: #b8c4cc; } .failed { fill: #c1121f; }
</style>"""
_WIDTH, _HEIGHT, _LEFT = 800.0, 220.0, 70.0
_RIGHT = 100.0  # of the last axis: room for a number as long as -1.2346e-05
_LINES = 500
_AXIS = "#90a4ae"


def history(result: SearchResult) -> str:
    """The metric of each trial, complete (blue), pruned (grey) or failed (red, at the bottom), and the best so far."""
    metrics = [trial.metric for trial in result.trials if trial.metric is not None]
    low, high = min(metrics), max(metrics)
    step = (_WIDTH - _LEFT) / max(len(result.trials), 1)
    dots, line = [], []
    best: float | None = None
    better = max if result.direction == "maximize" else min
    for place, trial in enumerate(result.trials):
        x = _LEFT + (place + 0.5) * step
        y = _HEIGHT - _between(trial.metric, low, high) * _HEIGHT if trial.metric is not None else _HEIGHT
        title = f"<title>{escape(_told(trial))}</title>"
        dots.append(f'<circle class="{trial.state}" cx="{x:.1f}" cy="{y:.1f}" r="4">{title}</circle>')
        if trial.metric is not None and trial.budget == result.best.budget:
            best = trial.metric if best is None else better(best, trial.metric)
        if best is not None:
            line.append(f"{x:.1f},{_HEIGHT - _between(best, low, high) * _HEIGHT:.1f}")
    return _picture(
        f'<polyline points="{" ".join(line)}" fill="none" stroke="#e09f3e" stroke-width="2"/>{"".join(dots)}'
        f'<text x="0" y="8">{short(high)}</text><text x="0" y="{_HEIGHT}">{short(low)}</text>'
    )


def importance(shares: Mapping[str, float]) -> str:
    """A bar for each parameter, which has at least one."""
    bars = []
    for place, (path, share) in enumerate(shares.items()):
        y = place * 24
        bars.append(
            f'<text x="0" y="{y + 14}">{escape(path)}</text><rect class="complete" x="240" y="{y + 2}" '
            f'width="{share * 480:.1f}" height="16"/><text x="{share * 480 + 246:.1f}" y="{y + 14}">{share:.2f}</text>'
        )
    return _picture("".join(bars), len(shares) * 24)


def coordinates(result: SearchResult, found: Mapping[str, Space]) -> str:
    """A line for each trial that did not fail, through its values and its metric; the better, the darker."""
    drawn = [*reversed(result.ranked[:_LINES])]  # the best last, on top
    metrics = [trial.metric for trial in drawn if trial.metric is not None]
    axes = [_Axis(path, [trial.params[path] for trial in drawn], space) for path, space in found.items()]
    axes.append(_Axis("metric", metrics, None))
    step = (_WIDTH - _LEFT - _RIGHT) / (len(axes) - 1)
    parts, labels = [], []
    for place, axis in enumerate(axes):
        x = _LEFT + place * step
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HEIGHT}" stroke="{_AXIS}"/>')
        labels.append(axis.labels(x))
    for place, trial in enumerate(drawn):
        values = [*(trial.params[path] for path in found), trial.metric]
        points = " ".join(
            f"{_LEFT + i * step:.1f},{axis.y(value):.1f}"
            for i, (axis, value) in enumerate(zip(axes, values, strict=True))
        )
        shade = 0.15 + 0.85 * (place + 1) / len(drawn)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="#2a6f97" stroke-opacity="{shade:.2f}">'
            f"<title>{escape(_told(trial))}</title></polyline>"
        )
    return _picture("".join([*parts, *labels]), _HEIGHT + 20)


class _Axis:
    """Where values stand on an axis: numbers in proportion, all else one above the other."""

    def __init__(self, name: str, values: Sequence[Any], space: Space | None) -> None:
        self._name = name
        self._log = isinstance(space, LogUniform) or (isinstance(space, Integers) and space.log)
        self._numbers = space is None or isinstance(space, (Uniform, LogUniform, Integers))
        self._places = {short(value): i for i, value in enumerate(sorted(values, key=_order))}
        self._places = {text: i for i, text in enumerate(self._places)}
        scaled = [self._scaled(value) for value in values]
        self._ends = (values[scaled.index(min(scaled))], values[scaled.index(max(scaled))])
        self._low, self._high = min(scaled), max(scaled)

    def _scaled(self, value: Any) -> float:
        if not self._numbers:
            return float(self._places[short(value)])
        return math.log(value) if self._log else float(value)

    def y(self, value: Any) -> float:
        return _HEIGHT * (1 - _between(self._scaled(value), self._low, self._high))

    def labels(self, x: float) -> str:
        texts = [(_HEIGHT + 16, self._name)]
        if self._numbers:
            texts += [(_HEIGHT - 3, short(self._ends[0])), (10, short(self._ends[1]))]
        else:
            span = max(len(self._places) - 1, 1)
            texts += [(_HEIGHT * (1 - place / span) + 4, text) for text, place in self._places.items()]
        return "".join(f'<text x="{x + 4:.1f}" y="{y:.1f}">{escape(text[:24])}</text>' for y, text in texts)


def _order(value: Any) -> tuple[bool, float, str]:
    number = type(value) in (int, float)
    return (not number, value if number else 0.0, short(value))


def _between(value: float, low: float, high: float) -> float:
    return 0.5 if high == low else (value - low) / (high - low)


def _picture(content: str, height: float = _HEIGHT) -> str:
    return svg(_STYLE + content, _WIDTH, height + 24, top=-12)


def _told(trial: Trial) -> str:
    values = ", ".join(f"{path}={short(value)}" for path, value in trial.params.items())
    return f"trial {trial.number} {trial.state} {short(trial.metric)}: {values}"


def short(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, float):
        return f"{value:.5g}"
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
