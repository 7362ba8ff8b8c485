"""Text files with columns: which formats there are, and which columns are read of them.

A reader of a format is a function of a file and `Columns` that gives its sentences in batches, read as they are asked
for, and raises InputError for a file that is missing, empty, corrupt or without a column, naming file and line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from orepass.config import Config
from orepass.errors import ConfigError, InputError, did_you_mean
from orepass.tasks.text.compressed import SUFFIXES

FORMATS = ("lines", "tsv", "jsonl", "parquet")
"""One sentence a line, and the formats with columns."""

ID, COUNT = "id", "count"
"""Names of carried columns that have a meaning: what identifies a sentence, and how often it was there."""

Column = int | str
"""A column by its name, or by its number from 1, as `cut -f` counts, in a TSV file without a header."""

STRING = pa.large_string()
"""The type of carried strings: offsets of 64 bits, as the strings of a whole corpus can fill more than 2 GiB."""

Batch = tuple[list[str], pa.Table | None]
"""Some sentences in order, and row for row the columns that are carried along, if there are any."""

_BY_SUFFIX = {".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@dataclass(frozen=True)
class Columns(Config):
    """Which columns are read.

    Attributes:
        text: the sentences.
        id: what identifies a sentence; carried along as `id`.
        metadata: what else is carried along, under its own name.
    """

    text: Column
    id: Column | None = None
    metadata: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        taken = [column for column in map(str, self.metadata) if column in (ID, COUNT)]
        if taken:
            raise ConfigError(f"metadata names {taken[0]!r}, which is taken. Set id={taken[0]}, or rename the column.")

    @property
    def carried(self) -> dict[str, Column]:
        """The columns besides the text, by the name they are carried under."""
        ids = {} if self.id is None else {ID: self.id}
        return ids | {str(column): column for column in self.metadata}

    @property
    def all(self) -> tuple[Column, ...]:
        """Every column that is read, once."""
        return tuple(dict.fromkeys([self.text, *self.carried.values()]))


def guess_format(path: Path) -> str:
    """The format that a file's name tells, compressed or not: `.tsv`, `.jsonl`, `.ndjson`, `.parquet`, else `lines`."""
    name = path.with_suffix("") if path.suffix in SUFFIXES else path
    return _BY_SUFFIX.get(name.suffix, "lines")


def check_columns(path: Path, columns: Columns, there: Iterable[Column]) -> None:
    """Raise an InputError that lists the columns that are there if one that is wanted is not."""
    there = list(there)
    for column in columns.all:
        if column not in there:
            raise InputError(f"{str(path)!r} has no column {column!r}. {did_you_mean(str(column), map(str, there))}")


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that carried columns have in place of one that differs in its encoding only, such as a dictionary."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return STRING
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(plain_type(field.type)) for field in kind])
    return kind


def table(columns: dict[str, Any]) -> pa.Table | None:
    """Columns of strings, each a list of str or None, as a table; None if there are none."""
    return pa.table({name: pa.array(values, STRING) for name, values in columns.items()}) if columns else None
