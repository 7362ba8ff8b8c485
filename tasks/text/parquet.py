"""Sentences out of parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orepass.errors import InputError
from orepass.tasks.text.tables import STRING, Batch, Columns, check_columns, plain_type

_ROWS = 1 << 14


def read_parquet(path: Path, columns: Columns) -> Iterator[Batch]:
    """Read a parquet file. A text that is null is an empty sentence; carried columns keep their types, as `plain_type`.

    Raises:
        InputError: see `orepass.tasks.text.tables`; or the text is not a column of strings.
    """
    with _reading(path), pq.ParquetFile(path) as file:
        check_columns(path, columns, file.schema_arrow.names)
        kind = file.schema_arrow.field(columns.text).type
        if plain_type(kind) != STRING:
            raise InputError(f"{str(path)!r}: the column {columns.text!r} is of type {kind}. Name one of strings.")
        if file.metadata.num_rows == 0:
            raise InputError(f"{str(path)!r} is empty. Leave it out of the shards.")
        for batch in file.iter_batches(_ROWS, columns=list(columns.all)):
            texts = [text or "" for text in batch.column(columns.text).to_pylist()]
            carried = {name: _plain(batch.column(column)) for name, column in columns.carried.items()}
            yield texts, pa.table(carried) if carried else None


def _plain(column: pa.Array) -> pa.Array:
    return column.cast(plain_type(column.type))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"No parquet file at {str(path)!r}. Check the path, or the shards of the data.") from None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{str(path)!r} is no parquet file, or a corrupt one: {reason} Make it again.") from error
