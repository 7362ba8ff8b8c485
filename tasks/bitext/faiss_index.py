"""FAISS indexes by their factory strings, on disk and in memory; every error in words of this library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import faiss

from orepass.errors import ConfigError, InputError
from orepass.machine import count_cpus


def make_index(index_type: str, dim: int) -> faiss.Index:
    """A new, empty index for inner products of unit rows, that is, cosines.

    Args:
        index_type: any FAISS factory string, such as `Flat` or `OPQ64,IVF1024,PQ64`.
        dim: the width of the rows.

    Raises:
        ConfigError: FAISS refuses the string.
    """
    try:
        return faiss.index_factory(dim, index_type, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise ConfigError(
            f"FAISS refuses index_type={index_type!r} for rows of width {dim}: {faiss_words(error)}. Give a factory "
            "string such as 'Flat', 'IVF1024,Flat' or 'OPQ64,IVF1024,PQ64' (the number after PQ divides the width)."
        ) from error


def load_index(path: Path) -> faiss.Index:
    """An index from a file.

    Raises:
        InputError: the file is missing, or no whole index.
    """
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise InputError(
            f"{str(path)!r} is not a whole FAISS index: {faiss_words(error)}. Train and fill it again."
        ) from error


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
