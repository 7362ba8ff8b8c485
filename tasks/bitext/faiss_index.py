"""FAISS indexes by their factory strings, on disk and in memory; every error in words of this library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss

from orepass.errors import ConfigError, InputError
from orepass.machine import count_cpus

_FAST_SCAN = re.compile(r"(PQ\d+x4)fsr?(_\d+)?")

LISTS, MAIN = "lists.ivfdata", "main.index"
"""An index in a folder: the lists of an inverted file, and all else."""


def make_index(index_type: str, dim: int) -> faiss.Index:
    """A new, empty index for inner products of unit rows, that is, cosines.

    Two things differ from what FAISS makes of the string. What it calls polysemous codes, and trains for minutes
    wherever a `PQ` has no `np`, is left out: they are of use only to a search that nobody asks for here, and change no
    other. And the codes of fast-scan types (`x4fs`) are kept one by one until `for_search` packs them, because FAISS's
    merging of packed ones can write beyond its memory (1.15).

    Args:
        index_type: any FAISS factory string, such as `Flat` or `OPQ64,IVF1024,PQ64`.
        dim: the width of the rows.

    Raises:
        ConfigError: FAISS refuses the string.
    """
    index = _made(index_type, dim)
    inner = inner_index(index)
    if isinstance(inner, faiss.IndexFastScan | faiss.IndexIVFFastScan) and not isinstance(index, faiss.IndexRefine):
        by_residual = isinstance(inner, faiss.IndexIVFFastScan) and inner.by_residual
        index = _made(_FAST_SCAN.sub(r"\1", index_type), dim)
        inner = inner_index(index)
        if isinstance(inner, faiss.IndexIVFPQ):
            inner.by_residual = by_residual
    if hasattr(inner, "do_polysemous_training"):
        inner.do_polysemous_training = False
    return index


def _made(index_type: str, dim: int) -> faiss.Index:
    try:
        return faiss.index_factory(dim, index_type, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise ConfigError(
            f"FAISS refuses index_type={index_type!r} for rows of width {dim}: {faiss_words(error)}. Give a factory "
            "string such as 'Flat', 'IVF1024,Flat' or 'OPQ64,IVF1024,PQ64' (the number after PQ divides the width)."
        ) from error


def for_search(index: faiss.Index) -> faiss.Index:
    """An index that finds the same, or what is nearly the same faster: codes of 4 bits are packed, in main memory."""
    if not has_small_codes(index):
        return index
    inner: Any = inner_index(index)
    lists = isinstance(inner, faiss.IndexIVFPQ)
    packed: Any = faiss.IndexIVFPQFastScan(inner) if lists else faiss.IndexPQFastScan(inner)
    if lists:
        packed.own_fields, inner.own_fields = True, False  # the centroids, which both use
    whole: faiss.Index = packed
    if isinstance(index, faiss.IndexPreTransform):
        index.index = packed
        packed.this.disown()
        inner.this.own(True)
        whole = index
    return whole


def has_small_codes(index: faiss.Index) -> bool:
    """Whether rows are codes of 4 bits, which a search can look through in registers."""
    inner = inner_index(index)
    kinds = faiss.IndexPQ | faiss.IndexIVFPQ
    return isinstance(inner, kinds) and inner.pq.nbits == 4 and not isinstance(index, faiss.IndexRefine)


def load_index(path: Path, *, writable: bool = False) -> faiss.Index:
    """An index from a file, or from a folder that `merge_on_disk` made.

    Args:
        path: of the index.
        writable: whether rows will be added; else lists of inverted files stay on disk, and are read as needed.

    Raises:
        InputError: the file is missing, or no whole index.
    """
    try:
        if path.is_dir():
            return _mapped(path)
        return faiss.read_index(str(path), 0 if writable else faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError as error:
        raise InputError(
            f"{str(path)!r} is not a whole FAISS index: {faiss_words(error)}. Train and fill it again."
        ) from error


def _mapped(folder: Path) -> faiss.Index:
    index = faiss.read_index(str(folder / MAIN), faiss.IO_FLAG_SKIP_IVF_DATA)
    file: Any = faiss.extract_index_ivf(index)
    lists: Any = faiss.downcast_InvertedLists(file.invlists)
    lists.filename = str(folder / LISTS)
    lists.read_only = True
    lists.do_mmap()
    return index


def save_index(index: faiss.Index, path: Path) -> Path:
    """Write an index to a file and return its path."""
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"The index cannot be written to {str(path)!r}: {faiss_words(error)}.") from error
    return path


def is_exact(index: faiss.Index) -> bool:
    """Whether the index compares a query with all rows as they are, so that its best are the true best."""
    return isinstance(index, faiss.IndexFlat) and index.metric_type == faiss.METRIC_INNER_PRODUCT


def keeps_rows(index: faiss.Index) -> bool:
    """Whether an index scores rows as they are, so that its order is the true one but for rounding."""
    return isinstance(index, faiss.IndexFlat | faiss.IndexIVFFlat)


def inner_index(index: faiss.Index) -> faiss.Index:
    """The index that holds the rows: behind a transformation, under a refinement, or the index itself."""
    while isinstance(index, faiss.IndexPreTransform | faiss.IndexRefine):
        index = faiss.downcast_index(index.index if isinstance(index, faiss.IndexPreTransform) else index.base_index)
    return index


def inverted_file(index: faiss.Index) -> faiss.IndexIVF | None:
    """The inverted file inside an index, None if it has none."""
    return faiss.try_extract_index_ivf(index)


def streams(index: faiss.Index) -> bool:
    """Whether the rows of an inverted file can stay on disk: they can, where each list is one run of codes."""
    lists = inverted_file(index)
    if lists is None or lists.invlists is None or isinstance(index, faiss.IndexRefine):
        return False
    return isinstance(
        faiss.downcast_InvertedLists(lists.invlists), faiss.ArrayInvertedLists | faiss.OnDiskInvertedLists
    )


@contextmanager
def faiss_threads(cpus: int) -> Iterator[None]:
    """Let FAISS use this many threads, but no more than this process has cores.

    FAISS has one setting for the whole process, which is put back after.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(min(cpus, count_cpus()))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def faiss_words(error: RuntimeError) -> str:
    """What FAISS says is wrong, without the place in its source."""
    words = re.sub(r"^Error in .*? at \S+:\d+: ", "", str(error), flags=re.DOTALL)
    return re.sub(r"^Error: '.*' failed: ", "", words, flags=re.DOTALL).strip().rstrip(".")
