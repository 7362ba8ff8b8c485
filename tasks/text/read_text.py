"""The step that reads a file of any format, and cuts it into shards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from orepass import module
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.tasks.text.jsonl import read_jsonl
from orepass.tasks.text.lines import one_lines, read_batches
from orepass.tasks.text.parquet import read_parquet
from orepass.tasks.text.prepared import Piece, PreparedText, write_prepared
from orepass.tasks.text.tables import Batch, Columns
from orepass.tasks.text.tsv import read_tsv

_READERS: dict[str, Callable[[Path, Columns], Iterator[Batch]]] = {
    "tsv": read_tsv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
}


@dataclass(frozen=True)
class ReadTextConfig(Config):
    """How files are read.

    Attributes:
        columns: what is read of files with columns; None for one sentence a line.
        shard_lines: how many sentences a shard has at most; None for a shard a file.
    """

    columns: Columns | None = None
    shard_lines: int | None = None


@dataclass(frozen=True)
class TextFile:
    """A file as it is given.

    Attributes:
        path: the file, plain or compressed.
        format: one of `orepass.tasks.text.tables.FORMATS`.
    """

    path: Path
    format: str = "lines"


@module(version="2")
def read_text(config: ReadTextConfig, element: TextFile) -> tuple[PreparedText, ...]:
    """Turn a file into prepared text, streaming.

    Args:
        config: the columns and the size of shards.
        element: the file.

    Returns:
        Its shards in order, each with at least one line.

    Raises:
        ConfigError: columns for a file without any, or none for one with columns; `shard_lines` below 1.
        InputError: a file that cannot be read; names file and line.
    """
    if config.shard_lines is not None and config.shard_lines < 1:
        raise ConfigError(f"shard_lines={config.shard_lines} is too small; it must be at least 1.")
    pieces = _cut(_read(config.columns, element), config.shard_lines or sys.maxsize)
    shards = groupby(pieces, itemgetter(0))
    return tuple(write_prepared(f"text.{number}", (piece for _, piece in shard)) for number, shard in shards)


def _read(columns: Columns | None, file: TextFile) -> Iterator[Batch]:
    if (columns is None) != (file.format == "lines"):
        trouble = "text= has to name a column" if columns is None else "there are no columns, but text= names one"
        raise ConfigError(
            f"{str(file.path)!r} is read as {file.format}: {trouble}. Set text, or set format if the name of the file "
            "tells a wrong one."
        )
    if columns is None:
        return ((lines, None) for lines in read_batches(file.path))
    return _READERS[file.format](file.path, columns)


def _cut(batches: Iterator[Batch], size: int) -> Iterator[tuple[int, Piece]]:
    """The batches in pieces that each belong to one shard, with its number."""
    row = 0
    for lines, columns in batches:
        start = 0
        while start < len(lines):
            end = min(len(lines), start + size - row % size)
            carried = None if columns is None else columns.slice(start, end - start)
            rows = np.arange(row, row + end - start)
            yield row // size, Piece(one_lines(lines[start:end]), rows, carried)
            row += end - start
            start = end
