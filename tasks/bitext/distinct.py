"""Rows that are there several times, which are searched, and searched for, once.

A sentence that everybody repeats would fill the lists of candidates of all that are near it with its copies, and leave
none of them certain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from orepass.tasks.bitext.topk import rank_triples
from orepass.tasks.bitext.vectors import Floats32, Ids

_BATCH = 4096


@dataclass(frozen=True)
class Distinct:
    """The different rows of a matrix, numbered in the order in which each is there first.

    Attributes:
        first: (u,) where each is there first.
        number: (n,) which of them each row is.
        members: (n,) all rows, those that are the same together and in order.
        starts: (u + 1,) where those of each begin in `members`.
    """

    first: Ids
    number: Ids
    members: Ids
    starts: Ids

    def rows(self, matrix: Floats32) -> Floats32:
        """The different rows: the matrix itself, if all are."""
        return matrix if len(self.first) == len(matrix) else matrix[self.first]

    def expand(self, ids: Ids, scores: Floats32) -> tuple[Ids, Floats32]:
        """The k nearest of all rows, out of the k nearest of the different ones: ids and scores, (b, k) each.

        All that is among the nearest is a copy of one of those.
        """
        if len(self.first) == len(self.members):
            return ids, scores
        pieces = [
            self._expand(ids[start : start + _BATCH], scores[start : start + _BATCH])
            for start in range(0, len(ids), _BATCH)
        ]
        return np.concatenate([piece[0] for piece in pieces]), np.concatenate([piece[1] for piece in pieces])

    def _expand(self, ids: Ids, scores: Floats32) -> tuple[Ids, Floats32]:
        b, k = ids.shape
        copies = np.where(ids >= 0, np.minimum(np.diff(self.starts)[ids], k), 0).ravel()
        place = np.repeat(np.arange(b * k), copies)
        turn = np.arange(len(place)) - np.repeat(np.cumsum(copies) - copies, copies)
        members = self.members[self.starts[ids.ravel()[place]] + turn]
        return rank_triples(place // k, members, scores.ravel()[place], b, k)


def find_distinct(matrix: Floats32) -> Distinct:
    """Compare all rows of a matrix, (n, dim), by 128-bit hashes."""
    digests = b"".join(xxhash.xxh3_128_digest(row) for row in matrix)
    hashes = np.frombuffer(digests, np.dtype("V16"))
    _, first, number = np.unique(hashes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.argsort(order)[number.ravel()]
    counts: NDArray[np.int64] = np.bincount(number, minlength=len(first))
    return Distinct(first[order], number, np.argsort(number, kind="stable"), np.append(0, np.cumsum(counts)))
