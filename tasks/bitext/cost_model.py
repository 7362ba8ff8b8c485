"""What ways of finding all neighbours cost: processor seconds and memory of each kind of step.

A way is exact, or an index type with a number of lists to look at. See docs/mining.md for the formulas in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orepass.tasks.bitext.costs import Rates
from orepass.tasks.bitext.index_shape import BATCH, IndexShape, candidate_count, shape_of, training_size
from orepass.tasks.bitext.slices import MOST_ROWS

EXACT = "Flat"
GIB = 2.0**30

BASE_GB = 0.5
"""A worker process with its imports and a batch of rows."""

_EXACT_EXTRA = 16
"""Candidates beyond k in the exact engine, at most."""

_UNEVEN = 1.4
"""Lists are of uneven length, and long ones are looked at more often: so many times more rows than of even ones."""

_KMEANS = 10
"""Iterations in which FAISS finds the lists' centroids, ..."""
_CODEBOOKS = 25
"""... those of a product quantizer ..."""
_ROTATIONS = 50
"""... and a rotation, with so many of a product quantizer in each:"""
_CODEBOOKS_EACH = 4
_ROTATION_ROWS = 65536


@dataclass(frozen=True)
class Size:
    """What is to be mined: n source and m target rows of some width, k neighbours each."""

    n: int
    m: int
    dim: int
    k: int


@dataclass(frozen=True)
class StepCost:
    """All steps of one kind.

    Attributes:
        step: the module's name.
        multiply_adds: of all of them; a sub-code that is looked up counts as one.
        cpu_seconds: of all of them, on one core; None if there is no estimate.
        memory_gb: GiB of one of them at most.
    """

    step: str
    multiply_adds: float
    cpu_seconds: float | None
    memory_gb: float


@dataclass(frozen=True)
class Way:
    """A way to find all neighbours in both directions.

    Attributes:
        index_type: `Flat` for the exact engine, which makes no index, else a FAISS factory string.
        nprobe: how many lists are looked at; 1 if there are none.
        steps: what it costs.
    """

    index_type: str
    nprobe: int
    steps: tuple[StepCost, ...]

    @property
    def memory_gb(self) -> float:
        """GiB of the largest step."""
        return max(step.memory_gb for step in self.steps)

    @property
    def cpu_seconds(self) -> float | None:
        """Of all steps; None if there is no estimate of one."""
        known = [step.cpu_seconds for step in self.steps if step.cpu_seconds is not None]
        return sum(known) if len(known) == len(self.steps) else None

    @property
    def multiply_adds(self) -> float:
        """Of all steps."""
        return sum(step.multiply_adds for step in self.steps)


def exact_way(size: Size, rates: Rates, product: str) -> Way:
    """One blocked product for both directions, slice by slice, whose best candidates are scored again."""
    products = float(size.n) * size.m * size.dim
    slices = -(-size.n // MOST_ROWS), -(-size.m // MOST_ROWS)
    rescored = float(size.n * slices[1] + size.m * slices[0]) * (size.k + _EXACT_EXTRA) * size.dim
    seconds = products / getattr(rates, product) + rescored / rates.rescore
    if product != "cuda":
        seconds += float(size.n) * size.m / rates.select + _entries(size) / rates.enter
    return Way(EXACT, 1, (StepCost("exact_tile", products + rescored, seconds, _exact_memory(size)),))


def _entries(size: Size) -> float:
    """How many scores enter the lists of candidates: of n in random order, c ln(n / c) are among the best c so far."""
    count = size.k + _EXACT_EXTRA
    entries = 0.0
    for lists, met in ((size.n, size.m), (size.m, size.n)):
        slices = -(-met // MOST_ROWS)
        entries += float(lists) * slices * count * (1 + math.log(max(1.0, met / slices / count)))
    return entries


def _exact_memory(size: Size) -> float:
    """Copies of two slices in float32, without rows that repeat and in half precision, and their candidates."""
    rows = min(size.n, MOST_ROWS) + min(size.m, MOST_ROWS)
    return BASE_GB + rows * (10 * size.dim + 24 * (size.k + _EXACT_EXTRA)) / GIB


def indexed_way(size: Size, rates: Rates, index_type: str, nprobe: int, memory_gb: float) -> Way:
    """Two indexes, one a language, each searched for the other's rows.

    Args:
        size: what is mined.
        rates: of the machine.
        index_type: any FAISS factory string.
        nprobe: how many lists of an inverted file are looked at.
        memory_gb: how much there is; what does not fit is read from disk again and again.

    Raises:
        ConfigError: FAISS refuses the type.
    """
    shape = shape_of(index_type, size.dim)
    nprobe = min(nprobe, shape.lists) if shape.lists else 1
    both = ((size.n, size.m), (size.m, size.n))  # rows that are indexed, rows that look
    steps = (
        _sum([_train(rows, size.dim, shape, rates) for rows, _ in both]),
        _sum([_fill(rows, size.dim, shape, rates) for rows, _ in both]),
        _sum([_merge(rows, shape) for rows, _ in both]),
        _sum([_search(size, rows, queries, shape, nprobe, rates, memory_gb) for rows, queries in both]),
    )
    return Way(index_type, nprobe, steps)


def _train(rows: int, dim: int, shape: IndexShape, rates: Rates) -> StepCost:
    sample = min(rows, training_size(shape))
    centroids = float(sample) * shape.lists * dim * _KMEANS
    rotated = float(min(sample, _ROTATION_ROWS)) * _ROTATIONS * shape.rotates
    turned = rotated * dim * dim
    assigned = (float(min(sample, 256 * shape.centroids)) * _CODEBOOKS + rotated * _CODEBOOKS_EACH) * shape.sub_codes
    seconds = (centroids + turned) / rates.train + assigned / rates.codebooks
    return StepCost("train_index", centroids + turned + assigned, seconds, BASE_GB + 3 * sample * 4 * dim / GIB)


def _fill(rows: int, dim: int, shape: IndexShape, rates: Rates) -> StepCost:
    assigned, encoded = float(rows) * shape.lists * dim, float(rows) * shape.centroids * dim
    seconds = None if shape.unknown else assigned / rates.assign + encoded / rates.encode
    return StepCost("populate_index", assigned + encoded, seconds, _held(rows, shape, shape.streams))


def _merge(rows: int, shape: IndexShape) -> StepCost:
    # One part and the whole, which may be as large: copying costs little time, but both are there.
    return StepCost("merge_indexes", 0.0, 0.0, _held(2 * rows, shape, shape.streams))


def _search(
    size: Size, rows: int, queries: int, shape: IndexShape, nprobe: int, rates: Rates, memory_gb: float
) -> StepCost:
    seen = float(queries) * rows * (min(1.0, _UNEVEN * nprobe / shape.lists) if shape.lists else 1.0)
    rescored = float(queries) * candidate_count(size.k, shape.keeps_rows) * size.dim
    assigned = float(queries) * shape.lists * size.dim
    scanned = seen * (shape.sub_codes or size.dim)
    rate = rates.scan_rows if not shape.sub_codes else rates.scan_codes if shape.fast else rates.scan_table
    seconds = assigned / rates.assign + scanned / rate + rescored / rates.rescore
    seconds += shape.fast * nprobe * float(queries) / rates.visits
    from_disk = shape.streams and not shape.fast
    on_disk = rows * (4.0 * size.dim + shape.row_bytes * from_disk)
    if on_disk > memory_gb * GIB:
        seconds += queries / BATCH * on_disk / rates.disk
    work = assigned + scanned + rescored
    return StepCost("neighbours", work, None if shape.unknown else seconds, _held(rows, shape, from_disk))


def _held(rows: int, shape: IndexShape, on_disk: bool) -> float:
    """GiB of a step that has an index of so many rows open."""
    return BASE_GB + (0.0 if on_disk else rows * shape.row_bytes / GIB)


def _sum(steps: list[StepCost]) -> StepCost:
    known = [step.cpu_seconds for step in steps if step.cpu_seconds is not None]
    return StepCost(
        steps[0].step,
        sum(step.multiply_adds for step in steps),
        sum(known) if len(known) == len(steps) else None,
        max(step.memory_gb for step in steps),
    )
