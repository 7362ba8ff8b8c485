"""What a FAISS factory string means for time and memory, as the index says that FAISS makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import faiss

from orepass.tasks.bitext.faiss_index import (
    has_small_codes,
    inner_index,
    inverted_file,
    keeps_rows,
    make_index,
    streams,
)

_ROWS_A_LIST = 64
"""FAISS's k-means looks at up to 256 rows for each centroid, and complains below 39."""
_ROWS_A_CODE = 256
"""Of a codebook, of which there are few centroids."""
_ANY_ROWS = 16384
"""For all else that is learned, such as the ranges of numbers; a rotation asks for"""
_ROTATION_ROWS = 65536

BATCH = 16384
"""Queries that are searched together: the more, the fewer passes over lists and rows that memory does not hold."""

_ID_BYTES = 8
_LINK_BYTES = 4


@dataclass(frozen=True)
class IndexShape:
    """An index type, for rows of one width.

    Attributes:
        lists: the lists of its inverted file; 0 if it has none, and all rows are looked at.
        row_bytes: what it keeps of a row, ids and links included.
        streams: whether its lists stay on disk while it is filled and merged, and while it is searched if not `fast`.
        sub_codes: how many codes stand for a row; 0 if its numbers are kept, or if the type is `unknown`.
        centroids: of each code's codebook.
        fast: whether a search packs the codes in main memory, and looks through them in registers (4 bits each).
        rotates: whether a rotation is learned before (`OPQ`).
        keeps_rows: whether rows are compared as they are.
        unknown: whether there is no estimate of the time that a search takes: graphs, and rarer ones.
    """

    lists: int
    row_bytes: int
    streams: bool
    sub_codes: int
    centroids: int
    fast: bool
    rotates: bool
    keeps_rows: bool
    unknown: bool


def shape_of(index_type: str, dim: int) -> IndexShape:
    """The shape of an index type.

    Raises:
        ConfigError: FAISS refuses the type.
    """
    index = make_index(index_type, dim)
    lists = inverted_file(index)
    inner = inner_index(index)
    quantizer = getattr(inner, "pq", None)
    plain = isinstance(
        inner, faiss.IndexFlat | faiss.IndexIVFFlat | faiss.IndexScalarQuantizer | faiss.IndexIVFScalarQuantizer
    )
    return IndexShape(
        lists=0 if lists is None else lists.nlist,
        row_bytes=_row_bytes(index, inner, dim),
        streams=streams(index),
        sub_codes=0 if quantizer is None else quantizer.M,
        centroids=0 if quantizer is None else quantizer.ksub,
        fast=has_small_codes(index),
        rotates="OPQ" in index_type,
        keeps_rows=keeps_rows(index),
        unknown=not plain and quantizer is None,
    )


def candidate_count(k: int, keeps_rows: bool) -> int:
    """How many candidates are taken from an index, to have k neighbours after they got their true scores.

    Args:
        k: how many neighbours.
        keeps_rows: whether the index compares rows as they are; near-ties are all that needs room then. The order of
            all others is rough.
    """
    return k + 8 if keeps_rows else 8 * k


def training_size(shape: IndexShape) -> int:
    """How many rows are worth being trained on."""
    least = _ROTATION_ROWS if shape.rotates else _ANY_ROWS
    return max(_ROWS_A_LIST * shape.lists, _ROWS_A_CODE * shape.centroids, least)


def _row_bytes(index: faiss.Index, inner: faiss.Index, dim: int) -> int:
    graph = getattr(inner, "hnsw", None)
    links = 0 if graph is None else _LINK_BYTES * graph.nb_neighbors(0)
    ids = _ID_BYTES if isinstance(inner, faiss.IndexIVF) else 0
    kept = getattr(inner, "code_size", 4 * dim)
    refined = 4 * dim if isinstance(index, faiss.IndexRefineFlat) else 0
    return int(kept + ids + links + refined)
