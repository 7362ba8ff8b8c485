"""Sentences out of TSV files: fields between tabs, no quoting, every line as many as the first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from orepass.errors import ConfigError, InputError
from orepass.tasks.text.lines import read_batches
from orepass.tasks.text.tables import Batch, Column, Columns, check_columns, table


def read_tsv(path: Path, columns: Columns) -> Iterator[Batch]:
    """Read a TSV file, plain or compressed.

    Columns that are named stand in a header, the first line; a file whose columns are numbered, from 1, has none.

    Raises:
        ConfigError: some columns by name and others by number, or a number below 1.
        InputError: see `orepass.tasks.text.tables`.
    """
    named = _by_name(columns)
    width, number = 0, 0
    places: dict[Column, int] = {}
    for lines in read_batches(path):
        rows = [line.split("\t") for line in lines]
        if number == 0:
            width = len(rows[0])
            header: Iterable[Column] = rows.pop(0) if named else range(1, width + 1)
            number += named
            places = {column: place for place, column in enumerate(header)}
            check_columns(path, columns, places)
        if any(len(row) != width for row in rows):
            bad = next(place for place, row in enumerate(rows) if len(row) != width)
            raise InputError(
                f"{str(path)!r}, line {number + bad + 1}: {len(rows[bad])} fields, but {width} in the first line. "
                "Every line has the same columns, with a tab between and none inside."
            )
        number += len(rows)
        carried = {name: [row[places[column]] for row in rows] for name, column in columns.carried.items()}
        yield [row[places[columns.text]] for row in rows], table(carried)
    if number == named:
        raise InputError(f"{str(path)!r} has a header and nothing else. Leave it out of the shards.")


def _by_name(columns: Columns) -> bool:
    names = [isinstance(column, str) for column in columns.all]
    if any(names) != all(names):
        raise ConfigError(f"Columns {columns.all} by name and by number. Use names if the TSV files have a header.")
    return all(names)
