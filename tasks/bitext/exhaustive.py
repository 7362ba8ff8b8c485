"""The k nearest of all rows for a few queries, for which no list of candidates is certain."""

from __future__ import annotations

import numpy as np

from orepass.tasks.bitext.kernels import pair_scores
from orepass.tasks.bitext.topk import error_bound
from orepass.tasks.bitext.vectors import Floats32, Ids

_QUERIES = 256
_ROWS = 16384


def exhaustive(queries: Floats32, rows: Floats32, k: int, floor: Floats32) -> tuple[Ids, Floats32]:
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
        ids[here], scores[here] = _exhaustive(queries[first[here]], rows, k, floor[first[here]])
    return ids[member.ravel()], scores[member.ravel()]


def _exhaustive(queries: Floats32, rows: Floats32, k: int, floor: Floats32) -> tuple[Ids, Floats32]:
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
