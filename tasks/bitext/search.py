"""Nearest neighbours of queries: candidates from an index, ranked by their true scores.

The one place that knows how neighbours are found; `neighbours.py` only feeds it batches and stores what it returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np

from orepass.errors import InputError
from orepass.tasks.bitext.faiss_index import inverted_file, is_exact
from orepass.tasks.bitext.topk import error_bound, exhaustive, rank, rescore
from orepass.tasks.bitext.vectors import Floats32, Floats64, Ids, Vectors

_EXTRA = 8
"""Candidates beyond k of an index that keeps rows as they are. With an exact one, near-ties at the k-th place that
reach beyond them, and make a row `doubtful`, are rare."""

_WIDEN = 8
"""Candidates per neighbour of any other index: its order is rough, the true scores repair it."""

BATCH = 16384
"""Queries that are searched together: the more, the fewer passes over lists and rows that memory does not hold."""


def candidate_count(k: int) -> int:
    """How many candidates an index of codes is asked for."""
    return _WIDEN * k


@dataclass(frozen=True)
class Searcher:
    """Finds the k nearest rows of the indexed side.

    With an exact index (`Flat`) the result is exactly the top k under true scores, ties in order of ids.

    Attributes:
        index: filled with all rows of `vectors`, numbered in their order.
        vectors: the indexed side.
        k: how many neighbours.
        nprobe: how many lists of an inverted file are looked at.
        threads: how many threads may be used beside FAISS's own.
    """

    index: faiss.Index
    vectors: Vectors
    k: int
    nprobe: int
    threads: int

    def __post_init__(self) -> None:
        if (self.index.ntotal, self.index.d) != (len(self.vectors), self.vectors.dim):
            raise InputError(
                f"The index has {self.index.ntotal} rows of width {self.index.d}, the embeddings have "
                f"{len(self.vectors)} of width {self.vectors.dim}. Fill the index from exactly these embeddings."
            )
        if (lists := inverted_file(self.index)) is not None:
            lists.nprobe = min(self.nprobe, lists.nlist)

    def search(self, queries: Floats64) -> tuple[Ids, Floats32]:
        """The neighbours of some queries.

        Args:
            queries: (b, dim) unit rows; the row of a zero query gets no neighbours.

        Returns:
            ids (b, k) int64 and scores (b, k) float32, best first; -1 and -inf where there are fewer than k.
        """
        ids = np.full((len(queries), self.k), -1, np.int64)
        scores = np.full((len(queries), self.k), -np.inf, np.float32)
        live = queries.any(axis=1)
        if live.any():
            ids[live], scores[live] = self._search_live(queries[live])
        return ids, scores

    def _search_live(self, queries: Floats64) -> tuple[Ids, Floats32]:
        exact = is_exact(self.index)
        whole_rows = exact or isinstance(self.index, faiss.IndexIVFFlat)
        count = min(self.k + _EXTRA if whole_rows else candidate_count(self.k), len(self.vectors))
        index_scores, candidates = self.index.search(queries.astype(np.float32), count)
        true_scores = rescore(queries, candidates, self.vectors, self.threads)
        ids, scores = rank(candidates, true_scores, self.k)
        if exact:
            self._check(index_scores, true_scores)
        if exact and count < len(self.vectors):
            doubtful = scores[:, -1] <= index_scores[:, -1] + error_bound(self.vectors.dim)
            ids[doubtful], scores[doubtful] = exhaustive(queries[doubtful], self.vectors, self.k, scores[doubtful, -1])
        return ids, scores

    def _check(self, index_scores: Floats32, true_scores: Floats32) -> None:
        apart = np.abs(index_scores - true_scores) > error_bound(self.vectors.dim)
        if (apart & np.isfinite(true_scores)).any():
            raise InputError(
                "The index and the embeddings do not belong together: the same row has another score in each. "
                "Fill the index from exactly these embeddings, in the same order."
            )
