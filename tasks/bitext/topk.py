"""Ranking by true scores, so that a result never depends on batches, shards or threads.

A true score is the float64 inner product of two unit rows, rounded to float32, see `kernels.pair_scores`. Rows are
ranked by score, highest first, and by id where scores are equal. A place that no row fills has id -1 and score -inf.
"""

from __future__ import annotations

import numpy as np

from orepass.tasks.bitext.vectors import Floats32, Ids


def error_bound(dim: int) -> float:
    """Twice the most that a float32 inner product of unit rows of this width can be off, in any order of summation.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 3.5, with some room for the rounding of the
    rows and of the true score.
    """
    return (dim + 16) * 2.0**-23


def rank(ids: Ids, scores: Floats32, k: int) -> tuple[Ids, Floats32]:
    """The k best of each row's candidates, (b, c) each, in rank order: ids and scores of shape (b, k)."""
    ids = np.where(scores > -np.inf, ids, -1)
    order = np.lexsort((ids, -scores), axis=-1)[:, :k]
    best_ids = np.full((len(ids), k), -1, np.int64)
    best_scores = np.full((len(ids), k), -np.inf, np.float32)
    best_ids[:, : order.shape[1]] = np.take_along_axis(ids, order, axis=1)
    best_scores[:, : order.shape[1]] = np.take_along_axis(scores, order, axis=1)
    return best_ids, best_scores


def rank_triples(query: Ids, ids: Ids, scores: Floats32, b: int, k: int) -> tuple[Ids, Floats32]:
    """The k best of each of b queries out of (query, id, score) triples, (t,) each: ids and scores of shape (b, k)."""
    order = np.lexsort((ids, -scores, query))
    query = query[order]
    place = np.arange(len(order)) - np.searchsorted(query, np.arange(b))[query]
    kept = place < k
    best_ids = np.full((b, k), -1, np.int64)
    best_scores = np.full((b, k), -np.inf, np.float32)
    best_scores[query[kept], place[kept]] = scores[order[kept]]
    best_ids[query[kept], place[kept]] = ids[order[kept]]
    return np.where(best_scores > -np.inf, best_ids, -1), best_scores
