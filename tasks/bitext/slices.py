"""Slices of a language: consecutive rows of its embeddings, few enough to be multiplied with a slice of the other's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from orepass.tasks.bitext.vectors import Floats32, Vectors, are_unit, open_embeddings

MOST_ROWS = 2**17
"""Of a slice. At width 1024 two such slices take 1 GiB, and some five minutes of one core in float32."""

FEWEST_ROWS = 2**14
"""Of the slices that a language is cut in without need: smaller ones cost more in candidates than they gain."""

_BLOCK = 16384


@dataclass(frozen=True)
class Slice:
    """Rows of one or several files of embeddings.

    Attributes:
        files: the files, in order.
        start: the first row, over all of them.
        rows: how many.
    """

    files: tuple[Path, ...]
    start: int
    rows: int


def cut(files: Sequence[Path], counts: Sequence[int]) -> list[Slice]:
    """Cut a language in slices, small files together and large ones in parts.

    A language of some size is cut in two at least, so that there is work for several cores. What is appended to a
    large language leaves the slices before it as they are.

    Args:
        files: its embeddings, shard by shard.
        counts: their numbers of rows.
    """
    most = min(MOST_ROWS, max(FEWEST_ROWS, -(-sum(counts) // 2)))
    slices: list[Slice] = []
    together: list[tuple[Path, int]] = []
    for file, count in zip(files, counts, strict=True):
        if together and sum(rows for _, rows in together) + count > most:
            slices += _slices(together, most)
            together = []
        together.append((file, count))
    return [*slices, *_slices(together, most)]


def _slices(together: list[tuple[Path, int]], most: int) -> Iterator[Slice]:
    files = tuple(file for file, _ in together)
    rows = sum(count for _, count in together)
    parts = -(-rows // most)
    edges = [rows * part // parts for part in range(parts + 1)]
    return (Slice(files, start, stop - start) for start, stop in pairwise(edges))


def read_slice(piece: Slice) -> Floats32:
    """The rows of a slice, each of length 1 or zero: (rows, dim).

    They are the memory-mapped file itself where that holds such rows in float32, else a copy.

    Raises:
        InputError: see `Vectors`.
    """
    stop = piece.start + piece.rows
    if len(piece.files) == 1:
        mapped = open_embeddings(piece.files[0])[piece.start : stop]
        if mapped.dtype == np.float32 and are_unit(mapped):
            return mapped
    vectors = Vectors(piece.files)
    rows = np.empty((piece.rows, vectors.dim), np.float32)
    for start in range(0, piece.rows, _BLOCK):
        here = slice(start, min(start + _BLOCK, piece.rows))
        rows[here] = vectors.rows(np.arange(piece.start + here.start, piece.start + here.stop))
    return rows
