"""Nearest neighbours of queries: candidates from an index, ranked by their true scores.

The one place that knows how neighbours are found; `neighbours.py` only feeds it batches and stores what it returns.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import faiss
import numpy as np

from orepass.errors import InputError
from orepass.tasks.bitext.exhaustive import exhaustive
from orepass.tasks.bitext.faiss_index import inverted_file, is_exact, keeps_rows
from orepass.tasks.bitext.index_shape import candidate_count
from orepass.tasks.bitext.kernels import pair_scores
from orepass.tasks.bitext.topk import error_bound, rank
from orepass.tasks.bitext.vectors import Floats32, Ids, Vectors

_PAIRS = 2**15
"""Candidates that are scored at once by a thread, with their rows in memory."""

_ROWS = 2**16


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

    def search(self, queries: Floats32) -> tuple[Ids, Floats32]:
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

    def _search_live(self, queries: Floats32) -> tuple[Ids, Floats32]:
        count = min(candidate_count(self.k, keeps_rows(self.index)), len(self.vectors))
        index_scores, candidates = self.index.search(queries, count)
        true_scores = self._true_scores(queries, candidates)
        ids, scores = rank(candidates, true_scores, self.k)
        if is_exact(self.index):
            self._check(index_scores, true_scores)
            if count < len(self.vectors):
                doubtful = scores[:, -1] <= index_scores[:, -1] + error_bound(self.vectors.dim)
                if doubtful.any():
                    ids[doubtful], scores[doubtful] = self._exhaustive(queries[doubtful], scores[doubtful, -1])
        return ids, scores

    def _true_scores(self, queries: Floats32, ids: Ids) -> Floats32:
        """Those of candidates, (b, c); -inf where the id is -1 or the row is zero."""
        scores = np.full(ids.shape, -np.inf, np.float32)
        step = max(1, _PAIRS // ids.shape[1])

        def fill(start: int) -> None:
            near = ids[start : start + step]
            query, place = np.nonzero(near >= 0)
            found, row = np.unique(near[query, place], return_inverse=True)  # in the order of the file
            scored = np.empty(len(query), np.float32)
            rows = self.vectors.rows(found)
            pair_scores(queries[start : start + step], rows, query, row, scored)
            scores[start + query, place] = scored

        with ThreadPoolExecutor(self.threads) as pool:
            for _ in pool.map(fill, range(0, len(ids), step)):
                pass
        return scores

    def _exhaustive(self, queries: Floats32, floor: Floats32) -> tuple[Ids, Floats32]:
        """The exact top k of a few queries, whose k-th score is at least `floor`."""
        ids = np.full((len(queries), self.k), -1, np.int64)
        scores = np.full((len(queries), self.k), -np.inf, np.float32)
        for first, rows in self.vectors.blocks(_ROWS):
            near, reached = exhaustive(queries, rows, self.k, floor)
            near = np.where(near >= 0, near + first, -1)
            ids, scores = rank(np.hstack([ids, near]), np.hstack([scores, reached]), self.k)
        return ids, scores

    def _check(self, index_scores: Floats32, true_scores: Floats32) -> None:
        apart = np.abs(index_scores - true_scores) > error_bound(self.vectors.dim)
        if (apart & np.isfinite(true_scores)).any():
            raise InputError(
                "The index and the embeddings do not belong together: the same row has another score in each. "
                "Fill the index from exactly these embeddings, in the same order."
            )
