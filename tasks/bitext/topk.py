"""The k nearest rows by true scores, so that a result never depends on batches, shards or threads.

A score is the float64 inner product of two unit rows, rounded to float32: `np.vecdot` sums one contiguous pair of
rows at a time, so the bits depend on these two rows only. Rows are ranked by score, highest first, and by id where
scores are equal. A place that no row fills has id -1 and score -inf.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from orepass.tasks.bitext.kernels import pair_scores
from orepass.tasks.bitext.vectors import Floats32, Floats64, Ids, Vectors

_PAIRS = 2048
_QUERIES = 256
_ROWS = 16384


def error_bound(dim: int) -> float:
    """Twice the most that a float32 inner product of unit rows of this width can be off, in any order of summation.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 3.5, with some room for the rounding of the
    rows and of the true score.
    """
    return (dim + 16) * 2.0**-23


def rescore(queries: Floats64, ids: Ids, vectors: Vectors, threads: int = 1) -> Floats32:
    """The true scores of candidates.

    Args:
        queries: (b, dim) unit rows.
        ids: (b, c) rows of `vectors`; -1 for none.
        vectors: the indexed side.
        threads: how many threads share the work.

    Returns:
        (b, c) scores; -inf where the id is -1 or the row is zero.
    """
    scores = np.full(ids.shape, -np.inf, np.float32)
    step = max(1, _PAIRS // max(1, ids.shape[1]))

    def fill(start: int) -> None:
        here = slice(start, start + step)
        rows = vectors.rows(np.maximum(ids[here], 0).ravel()).reshape(*ids[here].shape, vectors.dim)
        found = _true_scores(queries[here, None], rows)
        scores[here] = np.where(ids[here] >= 0, found, -np.inf)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, range(0, len(ids), step)):
            pass
    return scores


def rank(ids: Ids, scores: Floats32, k: int) -> tuple[Ids, Floats32]:
    """The k best of each row's candidates, (b, c) each, in rank order: ids and scores of shape (b, k)."""
    ids = np.where(scores > -np.inf, ids, -1)
    order = np.lexsort((ids, -scores), axis=-1)[:, :k]
    best_ids = np.full((len(ids), k), -1, np.int64)
    best_scores = np.full((len(ids), k), -np.inf, np.float32)
    best_ids[:, : order.shape[1]] = np.take_along_axis(ids, order, axis=1)
    best_scores[:, : order.shape[1]] = np.take_along_axis(scores, order, axis=1)
    return best_ids, best_scores


def exhaustive(queries: Floats64, vectors: Vectors, k: int, floor: Floats32) -> tuple[Ids, Floats32]:
    """The exact top k over all rows, found without an index.

    Args:
        queries: (b, dim) unit rows, none of them zero.
        vectors: the indexed side, n rows.
        k: how many.
        floor: (b,) a score that the k-th nearest row is known to reach; -inf if nothing is known.

    Returns:
        ids and scores, (b, k). The work is b * n products in float32, and true scores for those above the floor.
    """
    # Many ties come of repeated sentences, and these are often repeated on both sides.
    _, first, member = np.unique(queries.view(f"V{queries.itemsize * vectors.dim}"), True, True)
    ids = np.full((len(first), k), -1, np.int64)
    scores = np.full((len(first), k), -np.inf, np.float32)
    for start in range(0, len(first), _QUERIES):
        here = slice(start, start + _QUERIES)
        ids[here], scores[here] = _exhaustive_block(queries[first[here]], vectors, k, floor[first[here]])
    return ids[member.ravel()], scores[member.ravel()]


def _exhaustive_block(queries: Floats64, vectors: Vectors, k: int, floor: Floats32) -> tuple[Ids, Floats32]:
    ids = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    narrow = queries.astype(np.float32)
    for first, block in vectors.blocks(_ROWS):
        near = narrow @ block.astype(np.float32).T >= (floor - error_bound(vectors.dim))[:, None]
        query, place = np.nonzero(near)
        found = np.empty(len(query), np.float32)
        for begin in range(0, len(query), _PAIRS):
            part = slice(begin, begin + _PAIRS)
            found[part] = _true_scores(queries[query[part]], block[place[part]])
        ids, scores = _merge(ids, scores, query, first + place, found)
        floor = np.maximum(floor, scores[:, -1])
    return ids, scores


def exhaustive_rows(queries: Floats32, rows: Floats32, k: int, floor: Floats32) -> tuple[Ids, Floats32]:
    """The exact top k over all rows, without an index or candidates.

    Args:
        queries: (b, dim) unit rows, none of them zero.
        rows: (n, dim) unit rows.
        k: how many.
        floor: (b,) a score that the k-th nearest row is known to reach; -inf if nothing is known.

    Returns:
        ids and scores, (b, k). The work is b * n products in float32, and true scores for those above the floor.
    """
    # Many ties come of repeated sentences, and these are often repeated on both sides.
    _, first, member = np.unique(queries.view(f"V{queries.itemsize * queries.shape[1]}"), True, True)
    ids = np.full((len(first), k), -1, np.int64)
    scores = np.full((len(first), k), -np.inf, np.float32)
    for start in range(0, len(first), _QUERIES):
        here = slice(start, start + _QUERIES)
        ids[here], scores[here] = _exhaustive_rows(queries[first[here]], rows, k, floor[first[here]])
    return ids[member.ravel()], scores[member.ravel()]


def _exhaustive_rows(queries: Floats32, rows: Floats32, k: int, floor: Floats32) -> tuple[Ids, Floats32]:
    ids = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        near = queries @ block.T >= (floor - error_bound(rows.shape[1]))[:, None]
        query, place = np.nonzero(near)
        found = np.empty(len(query), np.float32)
        pair_scores(queries, block, query, place, found)
        ids, scores = _merge(ids, scores, query, start + place, found)
        floor = np.maximum(floor, scores[:, -1])
    return ids, scores


def _merge(ids: Ids, scores: Floats32, query: Ids, new_ids: Ids, new_scores: Floats32) -> tuple[Ids, Floats32]:
    """The best of what was known, (b, k), and of new (query, id, score) triples."""
    b, k = ids.shape
    all_query = np.concatenate([np.repeat(np.arange(b), k), query])
    all_ids = np.concatenate([ids.ravel(), new_ids])
    all_scores = np.concatenate([scores.ravel(), new_scores])
    order = np.lexsort((all_ids, -all_scores, all_query))
    place = np.arange(len(order)) - np.searchsorted(all_query[order], np.arange(b))[all_query[order]]
    order = order[place < k]
    best_ids, best_scores = all_ids[order].reshape(b, k), all_scores[order].reshape(b, k)
    return np.where(best_scores > -np.inf, best_ids, -1), best_scores


def _true_scores(queries: Floats64, rows: Floats64) -> Floats32:
    """One score for each pair of rows, -inf where the second row is zero; (..., dim) each to (...)."""
    scores: Floats32 = np.vecdot(queries, rows).astype(np.float32)
    maybe_zero = np.nonzero(scores == 0)
    scores[maybe_zero] = np.where(rows[maybe_zero].any(axis=-1), 0, -np.inf)
    return scores
