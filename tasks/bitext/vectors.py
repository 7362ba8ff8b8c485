"""Embeddings on disk: opened read-only, checked as they are read, and seen as unit vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orepass.errors import ConfigError, InputError, did_you_mean

Floats32 = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Ids = NDArray[np.int64]

RAW_TYPES = ("float32", "float16")
"""What a raw `.bin` file can hold."""

_UNIT = 1e-5
"""A squared norm this near to 1 counts as 1: a row that was scaled once keeps its bits for good."""


class Vectors:
    """The rows of one or several embedding files as one matrix, each row scaled to length 1.

    Every row is scaled on its own, in float64 and rounded to float32, so its bits do not depend on the shard or
    batch it is read in. A zero row stays zero: it has no direction, and matches nothing.

    Args:
        paths: `.npy` files (float32 or float16, shape (n, dim)) or raw `.bin` files, in row order.
        dim: the width of a row; None to take it from a `.npy` file.
        dtype: the type of raw `.bin` files, `float32` or `float16`.

    Raises:
        ConfigError: another `dtype`.
        InputError: a file that is missing, empty, of another type or width, or that is not whole.
    """

    def __init__(self, paths: Sequence[Path], dim: int | None = None, dtype: str = "float32") -> None:
        if not paths:
            raise InputError("No embedding files were given. Name at least one .npy or .bin file.")
        self.paths = tuple(paths)
        self._shards = [open_embeddings(paths[0], dim, dtype)]
        self.dim = int(self._shards[0].shape[1])
        self._shards += [open_embeddings(path, self.dim, dtype) for path in paths[1:]]
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])

    def __len__(self) -> int:
        """The number of rows over all files."""
        return int(self._starts[-1])

    def rows(self, ids: Ids) -> Floats32:
        """Some rows, by their numbers over all files: (len(ids), dim).

        Raises:
            InputError: a row with NaN or infinity; names file and row.
        """
        shards = np.searchsorted(self._starts, ids, side="right") - 1
        if len(ids) and shards.min() == shards.max():
            # Unlike indexing, `take` lets other threads run.
            raw = self._shards[shards[0]].take(ids - self._starts[shards[0]], axis=0)
        else:
            raw = np.empty((len(ids), self.dim), np.float32)
            for shard in np.unique(shards):
                here = shards == shard
                raw[here] = self._shards[shard][ids[here] - self._starts[shard]]
        return self._unit(raw, ids)

    def blocks(self, size: int) -> Iterator[tuple[int, Floats32]]:
        """All rows in order, in blocks of at most `size`: the first row's number, and rows as `rows` gives them."""
        for shard, start in zip(self._shards, self._starts, strict=False):
            for begin in range(0, len(shard), size):
                raw = shard[begin : begin + size]
                first = int(start) + begin
                yield first, self._unit(raw, np.arange(first, first + len(raw)))

    def _unit(self, raw: NDArray[Any], ids: Ids) -> Floats32:
        rows = raw.astype(np.float32, copy=False)
        other = np.flatnonzero(~_has_length_1(rows))
        if len(other):
            rows = np.array(rows)
            rows[other] = self._scaled(rows[other].astype(np.float64), ids[other])
        return rows

    def _scaled(self, rows: Floats64, ids: Ids) -> Floats64:
        norms = np.sqrt(np.vecdot(rows, rows))
        if not np.isfinite(norms).all():
            raise self._not_finite(int(ids[~np.isfinite(norms)][0]))
        return rows / np.where(norms > 0, norms, 1)[:, None]

    def _not_finite(self, row: int) -> InputError:
        shard = int(np.searchsorted(self._starts, row, side="right")) - 1
        return InputError(
            f"{str(self.paths[shard])!r}, row {row - self._starts[shard]} (from 0): NaN or infinity in the "
            "embedding. Make the embeddings again; a zero row may stand for a sentence without one."
        )


def are_unit(rows: Floats32) -> bool:
    """Whether all rows, (n, dim), are of length 1 or zero, so that `Vectors` gives them as they are."""
    other = ~_has_length_1(rows)
    return not rows[other].any()


def _has_length_1(rows: Floats32) -> NDArray[np.bool_]:
    with np.errstate(over="ignore", invalid="ignore"):
        near: NDArray[np.bool_] = np.abs(np.vecdot(rows, rows) - 1) <= _UNIT
    return near


def open_embeddings(path: Path, dim: int | None = None, dtype: str = "float32") -> NDArray[Any]:
    """One embedding file, memory-mapped read-only: (n, dim), float32 or float16.

    Args:
        path: `.npy`, or raw `.bin` (row after row, no header, little-endian).
        dim: the width that the rows must have; a `.bin` file needs it.
        dtype: the type of a `.bin` file, `float32` or `float16`; a `.npy` file tells its own.

    Raises:
        ConfigError: another `dtype`.
        InputError: the file is missing, empty, truncated, of another type or width.
    """
    rows = _map_bin(path, dim, dtype) if path.suffix == ".bin" else read_npy(path)
    if rows.ndim != 2 or rows.dtype not in (np.float32, np.float16) or not rows.flags.c_contiguous:
        raise InputError(
            f"{str(path)!r} holds an array of {rows.dtype} of shape {rows.shape}"
            f"{'' if rows.flags.c_contiguous else ' in Fortran order'}. "
            "Embeddings are float32 or float16, one row a sentence, in C order."
        )
    if 0 in rows.shape:
        raise InputError(f"{str(path)!r} is empty (shape {rows.shape}). Give embeddings with at least one row.")
    if dim and rows.shape[1] != dim:
        raise InputError(
            f"{str(path)!r} has rows of width {rows.shape[1]}, not {dim}. All embeddings must come from one "
            "encoder; check the files and embedding_dimensions."
        )
    return rows


def read_npy(path: Path) -> NDArray[Any]:
    """The array of a `.npy` file, memory-mapped read-only.

    Raises:
        InputError: the file is missing, or is not a whole `.npy` file.
    """
    with _opening(path):
        try:
            return np.asarray(np.lib.format.open_memmap(path, mode="r"))
        except ValueError as error:
            raise InputError(
                f"{str(path)!r} is not a whole .npy file: {error}. Copy or make it again; raw rows need the name "
                "ending .bin."
            ) from error


def _map_bin(path: Path, dim: int | None, dtype: str) -> NDArray[Any]:
    if dtype not in RAW_TYPES:
        raise ConfigError(f"embedding_dtype={dtype!r} is no type of embeddings. {did_you_mean(dtype, RAW_TYPES)}")
    if not dim:
        raise InputError(f"{str(path)!r} is raw, so its width is not known. Set embedding_dimensions.")
    kind = np.dtype(dtype).newbyteorder("<")
    with _opening(path):
        size = path.stat().st_size
        if size == 0 or size % (kind.itemsize * dim):
            raise InputError(
                f"{str(path)!r} has {size} bytes, not a multiple of a row of {dim} {dtype} values "
                f"({kind.itemsize * dim} bytes). Check embedding_dimensions and embedding_dtype, and that the file is "
                "whole."
            )
        return np.asarray(np.memmap(path, kind, mode="r").reshape(-1, dim))


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"No embeddings at {str(path)!r}. Check the path.") from None
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error}. Give a .npy or .bin file.") from error
