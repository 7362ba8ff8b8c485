"""Prepared text: what reading and filtering leave of a file, in the form that the rest of the pipeline takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from orepass import workdir
from orepass.errors import InputError
from orepass.tasks.text.compressed import create
from orepass.tasks.text.lines import read_batches, read_lines


@dataclass(frozen=True)
class PreparedText:
    """Some of the sentences of one file, in its order.

    Attributes:
        text: UTF-8, zstd, one sentence a line, each as `one_line` makes it.
        rows: `.npy`, int64 (lines,): where in the file each sentence stands, from 0.
        columns: parquet, row for row, what is carried along; None if nothing is.
        lines: how many sentences; there may be none.
    """

    text: Path
    rows: Path
    columns: Path | None
    lines: int


class Piece(NamedTuple):
    """Some lines of a prepared text, their rows (n,), and their carried columns."""

    lines: list[str]
    rows: NDArray[np.int64]
    columns: pa.Table | None

    def keep(self, mask: Sequence[bool] | NDArray[np.bool_]) -> Piece:
        """The lines where the mask is true."""
        mask = np.asarray(mask, np.bool_)
        columns = None if self.columns is None else self.columns.filter(pa.array(mask))
        return Piece(list(compress(self.lines, mask.tolist())), self.rows[mask], columns)


def write_prepared(name: str, pieces: Iterable[Piece]) -> PreparedText:
    """Write a prepared text to the working folder, in files of this name; only the rows are kept in memory."""
    folder = workdir()
    text, rows, columns = (folder / f"{name}.{kind}" for kind in ("zst", "npy", "parquet"))
    written = [np.empty(0, np.int64)]
    table: pq.ParquetWriter | None = None
    with ExitStack() as opened:
        file = opened.enter_context(create(text))
        for piece in pieces:
            file.write("\n".join([*piece.lines, ""]).encode())
            written.append(piece.rows)
            if piece.columns is not None:
                table = table or opened.enter_context(pq.ParquetWriter(columns, piece.columns.schema))
                table.write_table(piece.columns)
    np.save(rows, np.concatenate(written))
    return PreparedText(text, rows, columns if table else None, sum(map(len, written)))


def read_prepared(part: PreparedText) -> Iterator[Piece]:
    """A prepared text that has lines, piece by piece."""
    rows = np.load(part.rows, mmap_mode="r")
    start = 0
    for lines, columns in _with_columns(part):
        yield Piece(lines, rows[start : start + len(lines)], columns)
        start += len(lines)


def check_types(files: Iterable[tuple[Path, PreparedText]]) -> None:
    """Raise an InputError if a carried column has types that do not go together; it names a file that disagrees.

    Args:
        files: the files of a corpus, each with what was made of it, or of a part of it.
    """
    known = pa.schema([])
    for path, part in files:
        if part.columns is None:
            continue
        try:
            known = pa.unify_schemas([known, pq.read_schema(part.columns)], promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(
                f"The metadata of {str(path)!r} do not go together with those of the files before it: {error}. Give a "
                "column one type in all files."
            ) from error


def columns_at(paths: Sequence[Path], rows: NDArray[np.int64]) -> pa.Table:
    """The carried columns at some rows over all shards, in the order of the rows; only these are kept in memory.

    Args:
        paths: `PreparedText.columns` of all shards in order.
        rows: (n,) from 0 over all shards; repeats are fine.

    Raises:
        InputError: a column has types in different shards that do not go together.
    """
    wanted, place = np.unique(rows, return_inverse=True)
    found = []
    start = 0
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                end = start + batch.num_rows
                inside = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, end)]
                found.append(pa.Table.from_batches([batch]).take(inside - start))
                start = end
    try:
        return pa.concat_tables(found, promote_options="permissive").take(place)
    except pa.ArrowException as error:
        raise InputError(
            f"The metadata columns of the shards do not go together: {error}. Give a column one type in all files."
        ) from error


def _with_columns(part: PreparedText) -> Iterator[tuple[list[str], pa.Table | None]]:
    if part.columns is None:
        yield from ((lines, None) for lines in read_batches(part.text))
        return
    lines = read_lines(part.text)
    with pq.ParquetFile(part.columns) as file:
        for batch in file.iter_batches():
            yield list(islice(lines, batch.num_rows)), pa.Table.from_batches([batch])
