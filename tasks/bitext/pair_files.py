"""The files that mined pairs are written to.

A format writes one batch of pairs after the other to a folder, and returns its files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from orepass.errors import ConfigError
from orepass.tasks.text.compressed import create
from orepass.tasks.text.lines import one_lines

PAIR_COLUMNS = ("score", "source", "target", "direction")

Batch = dict[str, Any]
"""Some pairs by column: `PAIR_COLUMNS` first (a float32 array, and lists of strings without line separators), then as
columns of Arrow what is carried along."""

Languages = tuple[str, str]


def write_tsv(path: Path, batches: Iterable[Batch]) -> tuple[Path, ...]:
    """All columns, tabs between them, without a header or quoting; compressed if the name ends in `.gz` or `.zst`.

    Tabs and line separators inside a field become spaces, null is empty. A score has as many digits as tell it from
    every other float32.
    """
    with create(path) as file:
        for batch in batches:
            scores, *texts = (batch[name] for name in PAIR_COLUMNS)
            carried = (column for name, column in batch.items() if name not in PAIR_COLUMNS)
            cells = [map(str, scores), *texts, *map(_cells, carried)]
            file.write("\n".join([*map("\t".join, zip(*cells, strict=True)), ""]).encode())
    return (path,)


def write_parquet(path: Path, batches: Iterable[Batch]) -> tuple[Path, ...]:
    """All columns, with their types."""
    with ExitStack() as opened:
        writer = None
        for batch in batches:
            texts = {name: pa.array(batch[name], pa.string()) for name in PAIR_COLUMNS[1:]}
            table = pa.table(batch | texts)
            writer = writer or opened.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
            writer.write_table(table)
    return (path,)


def write_moses(folder: Path, batches: Iterable[Batch], languages: Languages) -> tuple[Path, ...]:
    """Line by line the sources, the targets, and the scores, in three files.

    Raises:
        ConfigError: both languages have one code, and so the files one name.
    """
    if languages[0] == languages[1]:
        raise ConfigError(f"Both languages are called {languages[0]!r}, so they cannot be two files. Write tsv.")
    paths = tuple(folder / f"pairs.{name}" for name in (*languages, "scores"))
    with ExitStack() as opened:
        files = [opened.enter_context(create(path)) for path in paths]
        for batch in batches:
            for file, column in zip(files, ("source", "target", "score"), strict=True):
                file.write("".join(f"{value!s}\n" for value in batch[column]).encode())
    return paths


def rows(batch: Batch) -> Iterator[dict[str, Any]]:
    """The pairs of a batch, one after the other, as Python values."""
    columns = (column.to_pylist() if isinstance(column, pa.ChunkedArray) else column for column in batch.values())
    for values in zip(*columns, strict=True):
        yield dict(zip(batch, values, strict=True))


def as_text(value: Any) -> str:
    """A carried value as text: nothing for null, JSON for what is nested."""
    if isinstance(value, list | dict):
        return orjson.dumps(value, default=str).decode()
    return "" if value is None else str(value)


def _cells(column: Any) -> list[str]:
    """A carried column as fields of a TSV file."""
    return one_lines([value if isinstance(value, str) else as_text(value) for value in column.to_pylist()])
