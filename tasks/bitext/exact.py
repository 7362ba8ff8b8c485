"""The exact k nearest neighbours of two sets of sentences in one another.

A rough product of all pairs, in whatever precision is fast, leaves a few candidates more than k for each sentence.
These get their true scores. Its error is bounded, so where the k-th true score is above all that a sentence outside
the list could reach, the list is certified; where it is not, the sentence is searched again, against all others.
The result is the top k under true scores, ties in order of ids, whatever the product, the blocks and the threads.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from orepass import progress
from orepass.tasks.bitext.candidates import Candidates, candidates
from orepass.tasks.bitext.distinct import find_distinct
from orepass.tasks.bitext.exhaustive import QUERIES, exhaustive
from orepass.tasks.bitext.kernels import pair_scores
from orepass.tasks.bitext.product_choice import choose_product
from orepass.tasks.bitext.products import on_processor
from orepass.tasks.bitext.topk import rank
from orepass.tasks.bitext.vectors import Floats32, Ids

_log = logging.getLogger(__name__)

_EXTRA = {"float32": 8, "bfloat16": 16, "cuda": 8}
"""Candidates beyond k: as many as make it rare that a sentence has to be searched again."""

_WIDTH = 512
"""Of wider rows, whose scores lie closer together, there are more candidates in bfloat16."""

_RANKED = 1024

Top = tuple[Ids, Floats32]
"""ids (n, k), int64, best first, -1 for none; scores (n, k), float32, -inf for none."""


def both_ways(
    src: Floats32,
    tgt: Floats32,
    k: int,
    product: str = "auto",
    threads: int = 1,
    gpu: bool = False,
    advance: Callable[[int], None] = lambda rows: None,
) -> tuple[Top, Top]:
    """The k nearest rows of `tgt` for each row of `src`, and the other way round.

    A zero row has no neighbours and is nobody's neighbour. Beside the two matrices, memory holds some 8 (k + 16)
    bytes a row, with other products than float32 both matrices in half precision, and of rows that are there several
    times a matrix without the copies.

    Args:
        src: (n, dim), unit rows.
        tgt: (m, dim), unit rows.
        k: how many neighbours.
        product: what the rough product is made in, see `choose_product`.
        threads: how many threads may work.
        gpu: whether a GPU does it, if there is one.
        advance: is told how many different rows of `src` are done since.

    Returns:
        The neighbours of the rows of `src`, and those of the rows of `tgt`.

    Raises:
        ConfigError: see `choose_product`.
    """
    chosen = choose_product(product, float(src.size) * len(tgt), gpu)
    src_rows, tgt_rows = find_distinct(src), find_distinct(tgt)
    src, tgt = src_rows.rows(src), tgt_rows.rows(tgt)
    count = k + _extra(chosen, src.shape[1])
    if chosen == "cuda":
        from orepass.tasks.bitext.candidates_cuda import candidates_cuda

        forward, backward = candidates_cuda(src, tgt, count, advance)
    else:
        rough = on_processor(chosen, src, tgt)
        with _one_thread_each():
            forward, backward = candidates(rough, count, threads, advance)
    ids, scores = tgt_rows.expand(*_certified(src, tgt, forward, k, threads, "source"))
    back_ids, back_scores = src_rows.expand(*_certified(tgt, src, backward, k, threads, "target"))
    return (
        (ids[src_rows.number], scores[src_rows.number]),
        (back_ids[tgt_rows.number], back_scores[tgt_rows.number]),
    )


def _extra(product: str, width: int) -> int:
    closer = math.sqrt(max(1.0, width / _WIDTH)) if product == "bfloat16" else 1.0
    return round(_EXTRA[product] * closer)


def _certified(queries: Floats32, rows: Floats32, found: Candidates, k: int, threads: int, side: str) -> Top:
    ids = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)

    def fill(start: int) -> NDArray[np.int64]:
        here = slice(start, start + _RANKED)
        ids[here], scores[here], sure = _best(queries[here], rows, found[here], k)
        return start + np.flatnonzero(~sure)

    with ThreadPoolExecutor(threads) as pool:
        doubtful = np.concatenate(list(pool.map(fill, range(0, len(queries), _RANKED))))
    if len(doubtful):
        _log.info("%d of %d %s sentences are searched again: near ties", len(doubtful), len(queries), side)
        title = f"search {len(doubtful):,} {side} sentences again"
        with threadpool_limits(threads), progress(len(doubtful), title, unit="sentences") as again:
            for start in range(0, len(doubtful), QUERIES):
                part = doubtful[start : start + QUERIES]
                ids[part], scores[part] = exhaustive(queries[part], rows, k, scores[part, -1])
                again(len(part))
    return ids, scores


def _best(queries: Floats32, rows: Floats32, found: Candidates, k: int) -> tuple[Ids, Floats32, NDArray[np.bool_]]:
    """The k best candidates, and for which queries they are surely the k best of all rows."""
    candidate_ids = found.ids.astype(np.int64)
    scores = np.full(found.ids.shape, -np.inf, np.float32)

    def score(which: NDArray[np.bool_]) -> None:
        query, place = np.nonzero(which & (found.ids >= 0))
        ids = candidate_ids[query, place]
        order = np.argsort(ids)  # memory is read fastest from one end to the other
        query, place = query[order], place[order]
        scored = np.empty(len(query), np.float32)
        pair_scores(queries, rows, query, ids[order], scored)
        scores[query, place] = scored

    # The true scores of the roughly best say which of the others may be better than one of them.
    roughly_best = np.zeros(scores.shape, np.bool_)
    np.put_along_axis(roughly_best, np.argpartition(found.scores, -k, axis=1)[:, -k:], True, axis=1)
    score(roughly_best)
    reached = np.where(roughly_best, scores, np.inf).min(axis=1)
    score(~roughly_best & (found.at_most(found.scores) >= reached[:, None]))
    ids, best = rank(candidate_ids, scores, k)
    floor = found.scores.min(axis=1)
    sure = (floor == -np.inf) | (best[:, -1] > found.at_most(floor)) | ~queries.any(axis=1)
    return ids, best, sure


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let BLAS libraries, torch's own among them, use one thread for each of ours."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 1
    with threadpool_limits(1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)
