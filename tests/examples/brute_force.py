"""Nearest neighbours by their definition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


def unit(rows: NDArray[np.floating]) -> Rows:
    """Unit rows in float32; zero rows stay."""
    wide = rows.astype(np.float64)
    norms = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return (wide / np.where(norms > 0, norms, 1)).astype(np.float32)


def all_cosines(queries: Rows, indexed: Rows) -> Rows:
    """All cosines in float64, rounded, (n, m); -inf where a row is zero."""
    scores = np.vecdot(queries[:, None].astype(np.float64), indexed[None].astype(np.float64)).astype(np.float32)
    scores[~queries.any(axis=1)] = -np.inf
    scores[:, ~indexed.any(axis=1)] = -np.inf
    return scores


def by_brute_force(queries: Rows, indexed: Rows, k: int) -> tuple[NDArray[np.int64], Rows]:
    """All cosines, sorted by score and id: the k best, -1 and -inf where there are fewer."""
    scores = all_cosines(queries, indexed)
    ids = np.broadcast_to(np.arange(len(indexed)), scores.shape)
    order = np.lexsort((ids, -scores), axis=-1)[:, :k]
    top = np.full((len(queries), k), -np.inf, np.float32)
    top[:, : order.shape[1]] = np.take_along_axis(scores, order, axis=1)
    best = np.full((len(queries), k), -1, np.int64)
    best[:, : order.shape[1]] = order
    return np.where(top > -np.inf, best, -1), top
