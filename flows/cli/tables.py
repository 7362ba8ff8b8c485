"""What commands print: a table for people, or JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich import box
from rich.console import Console
from rich.table import Table

_PIPE = 200


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], as_json: bool) -> None:
    """Print rows to the standard output.

    Args:
        rows: values by name: what JSON shows, whole and unrounded.
        columns: which of them the table shows, under which heading, the last one in several lines if need be. Values
            are shown as `str` makes them, None as nothing; a key `NAME_text`, where a row has one, is what people see
            instead of `NAME`.
        as_json: one JSON list of all rows, without the `_text` ones, instead of the table.
    """
    if as_json:
        print_json([{name: value for name, value in row.items() if not name.endswith("_text")} for row in rows])
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, heading in enumerate(columns.values(), 1):
        last = position == len(columns)
        table.add_column(heading, no_wrap=not last, overflow="fold" if last else "ellipsis")
    for row in rows:
        values = [row.get(f"{name}_text", row.get(name)) for name in columns]
        table.add_row(*("" if value is None else str(value) for value in values))
    # A pipe has no width: what reads it gets whole lines.
    Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _PIPE).print(table)


def print_json(value: Any) -> None:
    """Print a value to the standard output as indented JSON; what JSON does not know is shown as text."""
    print(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode())
