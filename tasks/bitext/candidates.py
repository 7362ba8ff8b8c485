"""Rough neighbours in both directions out of one product: every block of scores serves its rows and its columns."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orepass.tasks.bitext.kernels import select
from orepass.tasks.bitext.products import Product
from orepass.tasks.bitext.vectors import Floats32

COLUMNS = 1024
BLOCK_BYTES = 2**23
"""A block of the product is this wide, and as high as makes it this large: a processor's cache holds it while it is
looked through. High blocks are multiplied faster than wide ones."""


@dataclass(frozen=True)
class Candidates:
    """For each row of one side, the rows of the other side with the best rough scores, in no order.

    Attributes:
        ids: int32 (n, c), -1 for none.
        scores: float32 (n, c), rough; -inf for none.
        error: float32 (n,), how far a rough score of this row is off at most, and on top of that
        relative: times the size of the score.
    """

    ids: NDArray[np.int32]
    scores: Floats32
    error: Floats32
    relative: float

    def __getitem__(self, rows: slice) -> Candidates:
        """Those of some rows."""
        return Candidates(self.ids[rows], self.scores[rows], self.error[rows], self.relative)

    def at_most(self, scores: Floats32) -> Floats32:
        """What true scores are at most, if these, (n, ...), are the rough ones."""
        return scores + self._error(scores)

    def at_least(self, scores: Floats32) -> Floats32:
        """What true scores are at least."""
        return scores - self._error(scores)

    def _error(self, scores: Floats32) -> Floats32:
        size: Floats32 = np.where(np.isfinite(scores), np.abs(scores), np.float32(0))
        return self.error.reshape(-1, *[1] * (scores.ndim - 1)) + np.float32(self.relative) * size


def candidates(
    product: Product, count: int, threads: int, advance: Callable[[int], None]
) -> tuple[Candidates, Candidates]:
    """The candidates of the rows of the first matrix, and of those of the second.

    Each thread multiplies rows of its own with one block of columns after the other. Threads begin at different
    columns, and so seldom wait for the heaps of one.

    Args:
        product: the two matrices, n and m rows.
        count: how many candidates a row gets.
        threads: how many threads share the work. BLAS must use no more than one in each.
        advance: is told how many rows of the first matrix are done since.
    """
    n, m = len(product.src_error), len(product.tgt_error)
    row_scores, row_ids = _heaps(n, count, product.lowest)
    column_scores, column_ids = _heaps(m, count, product.lowest)
    column_floor = column_scores[:, 0].copy()
    column_starts = range(0, m, COLUMNS)
    locks = [Lock() for _ in column_starts]
    height = block_rows(product, n, threads)
    row_starts = iter(range(0, n, height))
    buffers = [product.buffer(min(height, n) * min(COLUMNS, m)) for _ in range(threads)]

    def work(thread: int) -> None:
        turn = thread * len(column_starts) // threads
        for row in row_starts:
            rows = slice(row, min(row + height, n))
            left = product.left(rows.start, rows.stop)
            for number in range(len(column_starts)):
                place = (number + turn) % len(column_starts)
                columns = slice(column_starts[place], min(column_starts[place] + COLUMNS, m))
                block = product.block(left, columns.start, columns.stop, buffers[thread])
                with locks[place]:
                    select(
                        block,
                        rows.start,
                        columns.start,
                        row_scores[rows],
                        row_ids[rows],
                        column_scores[columns],
                        column_ids[columns],
                        column_floor[columns],
                    )
            advance(rows.stop - rows.start)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, range(threads)):
            pass
    return (
        Candidates(row_ids, product.as_float32(row_scores), product.src_error, product.relative),
        Candidates(column_ids, product.as_float32(column_scores), product.tgt_error, product.relative),
    )


def block_rows(product: Product, n: int, threads: int = 1) -> int:
    """How high a block is, so that each thread gets as many of them."""
    highest: int = BLOCK_BYTES // (COLUMNS * product.lowest.itemsize)
    blocks = threads * -(-n // (highest * threads))
    return max(1, -(-n // max(1, blocks)))


def _heaps(n: int, count: int, lowest: Any) -> tuple[NDArray[Any], NDArray[np.int32]]:
    return np.full((n, count), lowest), np.full((n, count), -1, np.int32)
