"""Where the nodes of a graph without circles are drawn: in layers, from top to bottom, with few crossings.

The layers of Sugiyama, Tagawa and Toda (IEEE Trans. SMC 11, 1981): a node is one layer below the lowest that it takes
something from; an edge over several layers gets a point in each; nodes are ordered by the mean place of their
neighbours, down and up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 8
Point = str | tuple[str, str, int]
"""A node by name, or the point of an edge (from, to) in a layer."""


@dataclass(frozen=True)
class Layers:
    """A drawing.

    Attributes:
        layers: the points of each layer, from left to right.
        edges: each edge as the points that it goes through, from its first node to its last.
    """

    layers: tuple[tuple[Point, ...], ...]
    edges: tuple[tuple[Point, ...], ...]


def layered(upstream: Mapping[str, Sequence[str]]) -> Layers:
    """Lay out a graph.

    Args:
        upstream: the nodes that each node takes something from; each stands after these.
    """
    depth: dict[str, int] = {}
    for name, before in upstream.items():
        depth[name] = max((depth[other] + 1 for other in before), default=0)
    layers: list[list[Point]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name, level in depth.items():
        layers[level].append(name)
    edges: list[tuple[Point, ...]] = []
    for name, before in upstream.items():
        for other in dict.fromkeys(before):
            bends = [(other, name, level) for level in range(depth[other] + 1, depth[name])]
            for bend in bends:
                layers[bend[2]].append(bend)
            edges.append((other, *bends, name))
    _order(layers, edges)
    return Layers(tuple(map(tuple, layers)), tuple(edges))


def _order(layers: list[list[Point]], edges: Sequence[tuple[Point, ...]]) -> None:
    above: dict[Point, list[Point]] = {}
    below: dict[Point, list[Point]] = {}
    for edge in edges:
        for one, next_one in pairwise(edge):
            below.setdefault(one, []).append(next_one)
            above.setdefault(next_one, []).append(one)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for level in range(len(layers)) if down else reversed(range(len(layers))):
            beside = level - 1 if down else level + 1
            if 0 <= beside < len(layers):
                _sort(layers[level], layers[beside], neighbours)


def _sort(layer: list[Point], beside: Sequence[Point], neighbours: Mapping[Point, Sequence[Point]]) -> None:
    place = {point: position for position, point in enumerate(beside)}
    own = {point: position for position, point in enumerate(layer)}

    def mean(point: Point) -> float:
        near = neighbours.get(point)
        return sum(place[one] for one in near) / len(near) if near else own[point]

    layer.sort(key=mean)
