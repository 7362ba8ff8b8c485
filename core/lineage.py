"""How results of a store hang together: what they were made of, and whose files they return."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from orepass.codec import points_to
from orepass.record import Record

# In a path, wherever the store was when it was written.
_RESULT = re.compile(r"([^/]+/[0-9a-f]{40})(?:/|$)")


def made_of(record: Record) -> set[str]:
    """`module/key` of the results whose files are in a result's configuration or are its element, there or gone."""
    return _named_in([*_texts(record.config), *_texts(record.element)])


def returns_of(record: Record) -> set[str]:
    """`module/key` of the other results whose files a result returns: without them it cannot be used."""
    return _named_in(points_to(record.result))


def reachable(records: Mapping[str, Record], names: Collection[str]) -> set[str]:
    """Results, all that they were made of, and all whose files these return.

    Args:
        records: all records of a store by `module/key`.
        names: `module/key` of results, there or not.

    Returns:
        Those that are there.
    """
    waiting, reached = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name in reached or name not in records:
            continue
        reached.add(name)
        waiting.extend(made_of(records[name]) | returns_of(records[name]))
    return reached


def needed(records: Iterable[Record], going: Collection[str]) -> set[str]:
    """Those of the results that are to go that cannot: results that stay return files of them.

    Args:
        records: all records of a store.
        going: `module/key` of the results that are to go.
    """
    returning = {f"{record.module}/{record.key}": returned for record in records if (returned := returns_of(record))}
    waiting = [name for name in returning if name not in going]
    found: set[str] = set()
    while waiting:
        new = (returning.get(waiting.pop(), set()) - found).intersection(going)
        found |= new
        waiting.extend(new)
    return found


def _named_in(paths: Iterable[str]) -> set[str]:
    return {name for path in paths for name in _RESULT.findall(path)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)
