"""The k nearest of all rows for a few queries, for which no list of candidates is certain."""

from __future__ import annotations

import numpy as np

from orepass.tasks.bitext.kernels import pair_scores
from orepass.tasks.bitext.topk import error_bound, rank_triples
from orepass.tasks.bitext.vectors import Floats32, Ids

QUERIES = 256
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
    ids = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for start in range(0, len(queries), QUERIES):
        here = slice(start, start + QUERIES)
        ids[here], scores[here] = _exhaustive_block(queries[here], rows, k, floor[here])
    return ids, scores


def _exhaustive_block(queries: Floats32, rows: Floats32, k: int, floor: Floats32) -> tuple[Ids, Floats32]:
    b = len(queries)
    ids = np.full((b, k), -1, np.int64)
    scores = np.full((b, k), -np.inf, np.float32)
    known = np.repeat(np.arange(b), k)
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        near = queries @ block.T >= (floor - error_bound(rows.shape[1]))[:, None]
        query, place = np.divmod(np.flatnonzero(near), len(block))  # where few are near, much faster than np.nonzero
        found = np.empty(len(query), np.float32)
        pair_scores(queries, block, query, place, found)
        ids, scores = rank_triples(
            np.concatenate([known, query]),
            np.concatenate([ids.ravel(), start + place]),
            np.concatenate([scores.ravel(), found]),
            b,
            k,
        )
        floor = np.maximum(floor, scores[:, -1])
    return ids, scores
