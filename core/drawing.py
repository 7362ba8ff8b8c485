"""A graph without circles as a picture: an SVG with a box for each node, in layers from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from orepass.pipelines.layers import Layers, Point, layered
from orepass.svg import svg

_LETTER, _LINE, _PADDING, _GAP, _BETWEEN, _MARGIN, _BEND = 7.4, 15.0, 10.0, 24.0, 44.0, 16.0, 8.0


@dataclass(frozen=True)
class Box:
    """A node as it is drawn.

    Attributes:
        lines: what stands in it, one line or more; the first in larger letters.
        about: what is told when the pointer is over it.
        colour: what it is filled with, such as `#ffffff`.
        upstream: the nodes that an arrow comes from.
        is_round: whether its ends are round.
    """

    lines: tuple[str, ...]
    about: str
    colour: str
    upstream: tuple[str, ...] = ()
    is_round: bool = False


def drawn(boxes: Mapping[str, Box]) -> str:
    """The picture of a graph.

    Args:
        boxes: by name, each after those that it has an arrow from.

    Returns:
        SVG.
    """
    layers = layered({name: box.upstream for name, box in boxes.items()})
    tall = _LINE * max((len(box.lines) for box in boxes.values()), default=1) + _PADDING
    widths = {
        point: _LETTER * max(map(len, boxes[point].lines)) + 2 * _PADDING if isinstance(point, str) else _BEND
        for layer in layers.layers
        for point in layer
    }
    places, width = _places(layers, widths, tall)
    height = (tall + _BETWEEN) * len(layers.layers) - _BETWEEN + 2 * _MARGIN
    parts = [
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#607d8b"/></marker></defs>',
        *(_line(edge, places, tall) for edge in layers.edges),
        *(_box(boxes[point], places[point], widths[point], tall) for point in places if isinstance(point, str)),
    ]
    return svg("\n".join(parts), width, height)


def _places(
    layers: Layers, widths: Mapping[Point, float], tall: float
) -> tuple[dict[Point, tuple[float, float]], float]:
    """The middle of each point's upper edge, and how wide the picture is."""
    rows = [sum(widths[point] for point in layer) + _GAP * (len(layer) - 1) for layer in layers.layers]
    widest = max(rows, default=0.0)
    places = {}
    for level, layer in enumerate(layers.layers):
        left = _MARGIN + (widest - rows[level]) / 2
        for point in layer:
            places[point] = (left + widths[point] / 2, _MARGIN + level * (tall + _BETWEEN))
            left += widths[point] + _GAP
    return places, widest + 2 * _MARGIN


def _line(edge: tuple[Point, ...], places: Mapping[Point, tuple[float, float]], tall: float) -> str:
    x, y = places[edge[0]]
    path = [f"M{x:.1f},{y + tall:.1f}"]
    y += tall
    for point in edge[1:]:
        to_x, to_y = places[point]
        middle = (y + to_y) / 2
        path.append(f"C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}")
        x, y = to_x, to_y
        if not isinstance(point, str):
            y += tall
            path.append(f"L{x:.1f},{y:.1f}")
    return f'<path d="{" ".join(path)}" fill="none" stroke="#607d8b" marker-end="url(#arrow)"/>'


def _box(box: Box, place: tuple[float, float], width: float, tall: float) -> str:
    x, y = place
    first, *others = box.lines
    texts = [f'<text x="{x:.1f}" y="{y + 17:.1f}" text-anchor="middle" font-size="13">{escape(first)}</text>']
    for number, line in enumerate(others, 1):
        texts.append(
            f'<text x="{x:.1f}" y="{y + 17 + _LINE * number:.1f}" text-anchor="middle" font-size="11" '
            f'fill="#455a64">{escape(line)}</text>'
        )
    return (
        f'<g><title>{escape(box.about)}</title><rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{tall:.0f}" rx="{tall / 2 if box.is_round else 4:.0f}" fill="{box.colour}" stroke="#607d8b"/>'
        f"{''.join(texts)}</g>"
    )
