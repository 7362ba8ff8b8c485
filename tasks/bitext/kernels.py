"""Compiled inner loops of exact mining.

Heaps: row i of a pair of arrays `scores` (n, c) and `ids` (n, c) is a binary heap with the lowest score at place 0,
which therefore is the score that a newcomer has to exceed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload
from numpy.typing import NDArray

from orepass.tasks.bitext.vectors import Floats32, Ids

_CHUNK, _WORD = 64, 8
"""Scores that are compared at once, and of these, where one may enter a heap, those that are looked at one by one."""


# The order of the sum follows from the width and the processor's vectors alone. So that one pair has one score wherever
# it is computed, this is the only place that computes it.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def pair_scores(queries: Floats32, rows: Floats32, query: Ids, row: Ids, out: Floats32) -> None:
    """The true scores of pairs: float64 inner products of float32 rows, rounded to float32.

    Args:
        queries: (n, dim) unit rows.
        rows: (m, dim) unit rows.
        query: (p,) a row of `queries` for each pair.
        row: (p,) a row of `rows` for each pair.
        out: (p,) the scores; -inf where one of the two rows is zero.
    """
    for pair in range(len(out)):
        x, y = queries[query[pair]], rows[row[pair]]
        score = 0.0
        for place in range(len(x)):
            score += np.float64(x[place]) * np.float64(y[place])
        out[pair] = score
        if score == 0.0 and (not np.any(x) or not np.any(y)):
            out[pair] = -np.inf


@njit(nogil=True, cache=True, inline="always")
def _enter(scores: NDArray[Any], ids: NDArray[np.int32], score: Any, number: int) -> None:
    """Replace the lowest of a heap."""
    size, place, child = len(scores), 0, 1
    while child < size:
        if child + 1 < size:
            child += scores[child + 1] < scores[child]  # no branch, because nobody could foretell it
        if scores[child] >= score:
            break
        scores[place], ids[place] = scores[child], ids[child]
        place, child = child, 2 * child + 1
    scores[place], ids[place] = score, number


@njit(nogil=True, cache=True, inline="always")
def _enter_both(
    scores: NDArray[Any],
    start: int,
    stop: int,
    row: int,
    first_column: int,
    row_scores: NDArray[Any],
    row_ids: NDArray[np.int32],
    column_scores: NDArray[Any],
    column_ids: NDArray[np.int32],
    column_floor: NDArray[Any],
) -> Any:
    """Let some scores of one row enter its heap and those of their columns, and return the row's new floor."""
    floor = row_scores[0]
    for j in range(start, stop):
        score = scores[j]
        if score > floor:
            _enter(row_scores, row_ids, score, first_column + j)
            floor = row_scores[0]
        if score > column_floor[j]:
            _enter(column_scores[j], column_ids[j], score, row)
            column_floor[j] = column_scores[j, 0]
    return floor


def make_comparable(scores: NDArray[Any]) -> None:
    """Of the bits of bfloat16, which come as int16, make integers of their order, in place; or the bits again of these.

    Other scores are left as they are.
    """
    if scores.dtype == np.int16:
        scores ^= (scores >> 15) & 0x7FFF


@overload(make_comparable, inline="always")
def _make_comparable_compiled(scores: NDArray[Any]) -> Callable[[NDArray[Any]], None]:
    def flip(scores: NDArray[Any]) -> None:
        for j in range(len(scores)):
            scores[j] ^= (scores[j] >> 15) & 0x7FFF

    def leave(scores: NDArray[Any]) -> None:
        pass

    return flip if scores.dtype == types.int16 else leave


@njit(nogil=True, cache=True, error_model="numpy")
def select(
    block: NDArray[Any],
    first_row: int,
    first_column: int,
    row_scores: NDArray[Any],
    row_ids: NDArray[np.int32],
    column_scores: NDArray[Any],
    column_ids: NDArray[np.int32],
    column_floor: NDArray[Any],
) -> None:
    """Let the scores of one block of the product enter the heaps of its rows and of its columns.

    Args:
        block: (r, s) scores: float32, or int16 for the bits of bfloat16; these are changed.
        first_row: the number of the block's first row.
        first_column: the number of its first column.
        row_scores: (r, c) heaps of the rows, with
        row_ids: the numbers of columns.
        column_scores: (s, c) heaps of the columns, with
        column_ids: the numbers of rows.
        column_floor: (s,) a copy of `column_scores[:, 0]` that lies together.
    """
    whole = block.shape[1] // _CHUNK * _CHUNK
    flags = np.zeros(_CHUNK, np.uint8)
    words = flags.view(np.uint64)
    for i in range(block.shape[0]):
        scores = block[i]
        make_comparable(scores)
        floor = row_scores[i, 0]
        for start in range(0, whole, _CHUNK):
            enters = False
            for j in range(_CHUNK):  # of a constant length, so that the compiler makes vectors of it
                score = scores[start + j]
                enters |= (score > floor) | (score > column_floor[start + j])
            if not enters:
                continue
            for j in range(_CHUNK):
                score = scores[start + j]
                flags[j] = (score > floor) | (score > column_floor[start + j])
            for word in range(_CHUNK // _WORD):
                if words[word]:
                    first = start + _WORD * word
                    floor = _enter_both(
                        scores, first, first + _WORD, first_row + i, first_column, row_scores[i], row_ids[i],
                        column_scores, column_ids, column_floor,
                    )  # fmt: skip
        floor = _enter_both(
            scores, whole, len(scores), first_row + i, first_column, row_scores[i], row_ids[i],
            column_scores, column_ids, column_floor,
        )  # fmt: skip
