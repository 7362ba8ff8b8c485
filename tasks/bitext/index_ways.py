"""The inverted files that a plan considers, and how many of their lists are looked at."""

from __future__ import annotations

import math
from collections.abc import Callable

from orepass.tasks.bitext.cost_model import Size, Way, indexed_way
from orepass.tasks.bitext.costs import Rates

_LISTS = tuple(2**power for power in range(8, 17))

_MISSED = 1 / 6
"""Times the square root of the number of lists, over the number that is looked at: the share of the exact engine's
pairs that is missed. Measured on planted pairs (`bench/_planted.py`, 100,000 x 100,000, 128 to 1,024 lists)."""

_ROWS_A_LIST = 64
"""Rows of the smaller language for each list, so that there is something to learn its centroid from."""


def indexed_ways(size: Size, rates: Rates, nprobe: Callable[[int], int], memory_gb: float) -> list[Way]:
    """The cheapest number of lists for each kind of inverted file; none if the corpus is too small to train it."""
    lists = [count for count in _LISTS if count * _ROWS_A_LIST <= min(size.n, size.m)]
    return [
        min(
            (indexed_way(size, rates, f"IVF{count},{kind}", nprobe(count), memory_gb) for count in lists),
            key=seconds_of,
        )
        for kind in ("Flat", f"PQ{_sub_codes(size.dim)}x4fsr")
        if lists
    ]


def nprobe_for(lists: int, recall: float) -> int:
    """How many lists to look at, to find this share of the pairs that the exact engine finds."""
    return max(1, min(lists, math.ceil(_MISSED / max(1 - recall, 1e-9) * math.sqrt(lists))))


def seconds_of(way: Way) -> float:
    """Processor seconds of a way; infinity if there is no estimate."""
    return math.inf if way.cpu_seconds is None else way.cpu_seconds


def _sub_codes(dim: int) -> int:
    """4 bits for two numbers of a row, or for each of an odd width."""
    return dim if dim % 2 else dim // 2
