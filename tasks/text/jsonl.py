"""Sentences out of JSON lines: an object a line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from orepass.errors import InputError, did_you_mean
from orepass.tasks.text.lines import read_batches
from orepass.tasks.text.tables import Batch, Columns, table

_log = logging.getLogger(__name__)
_EXACT = json.JSONDecoder(parse_float=orjson.Fragment, parse_int=orjson.Fragment)
"""Keeps numbers as they are written. orjson, several times as fast, makes a float64 of what is no 64-bit integer."""


def read_jsonl(path: Path, columns: Columns) -> Iterator[Batch]:
    """Read a file of JSON lines, plain or compressed.

    Every object has the text, a string or null, which is an empty sentence, as is a blank line. A carried value that
    an object does not have is null; one that is no string is carried as JSON, its numbers as they are written. A column
    that no object has is null throughout, and a warning says so at the end of the file.

    Raises:
        InputError: see `orepass.tasks.text.tables`.
    """
    number = 0
    seen: set[str] = set()
    for lines in read_batches(path):
        objects = [_parsed(path, number + place, line, columns) for place, line in enumerate(lines, start=1)]
        texts = [_text(path, number + place, one, columns) for place, one in enumerate(objects, start=1)]
        seen.update(*objects)
        number += len(lines)
        rows = [_carried(line, one, columns) for line, one in zip(lines, objects, strict=True)]
        yield texts, table(dict(zip(columns.carried, zip(*rows, strict=True), strict=True)))
    for column in columns.carried.values():
        if column not in seen:
            known = did_you_mean(str(column), seen)
            _log.warning("%r: no object has %r, so it is null throughout. %s", str(path), column, known)


def _parsed(path: Path, number: int, line: str, columns: Columns) -> dict[Any, Any]:
    if not line or line.isspace():
        return {columns.text: None}
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{str(path)!r}, line {number}: not JSON ({error}). Give one JSON object a line.") from None
    if not isinstance(found, dict):
        raise InputError(f"{str(path)!r}, line {number}: JSON, but not an object. Give one JSON object a line.")
    return found


def _text(path: Path, number: int, one: dict[Any, Any], columns: Columns) -> str:
    if columns.text not in one:
        known = did_you_mean(str(columns.text), one)
        raise InputError(f"{str(path)!r}, line {number}: no {columns.text!r} in the object. {known}")
    text = one[columns.text]
    if not isinstance(text, str | None):
        raise InputError(f"{str(path)!r}, line {number}: {columns.text!r} is {text!r:.60}, not a string.")
    return text or ""


def _carried(line: str, one: dict[Any, Any], columns: Columns) -> list[str | None]:
    values = [one.get(column) for column in columns.carried.values()]
    if any(isinstance(value, float | list | dict) for value in values):
        exact = _EXACT.decode(line)
        values = [exact.get(column) for column in columns.carried.values()]
    return [value if isinstance(value, str | None) else orjson.dumps(value).decode() for value in values]
