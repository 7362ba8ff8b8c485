"""Why a result is not in the store: the nearest one that is, and how it differs."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orepass.record import Record
from orepass.step import Step
from orepass.store import Store
from orepass.work import for_people

Differences = dict[str, tuple[Any, Any]]
"""(old value, new value) by field."""

# A module may have a million results; what is nearest among the newest of them is explanation enough.
_AT_MOST = 2000
_AT_MOST_S = 0.5
_SHOWN = 3
_IN_STORE = re.compile(r"([^/]+)/([0-9a-f]{8})[0-9a-f]{32}/([^/]+)$")


def explain_miss(step: Step) -> str:
    """One line that tells how a step differs from the nearest result of its module.

    Args:
        step: a step whose result is not in the store.
    """
    nearest, differences = nearest_to(step)
    if nearest is None:
        return "miss: no result of this module is stored yet"
    shown = [f"{field} {old!r} -> {new!r}" for field, (old, new) in itertools.islice(differences.items(), _SHOWN)]
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return "miss: " + (", ".join(shown) + more if shown else "the way keys are made has changed")


def nearest_to(step: Step) -> tuple[Record | None, Differences]:
    """The nearest result of a step's module, and what of the step is different.

    Args:
        step: a step whose result is not in the store.

    Returns:
        The record, None if there is none of this module; and (its value, the step's value) by field.
    """
    config, element = for_people(step.config), for_people(step.element)
    new = _Made(step.module.cache_version, step.key.config, step.key.element, config, element)
    return _nearest(new, step.store.records(step.module.name))


def explain_record(record: Record, store: Store) -> tuple[Record | None, Differences]:
    """The nearest other result of the same module, and what of it is different.

    Args:
        record: of a stored result.
        store: where it is.

    Returns:
        The other record, None if there is no other; and (its value, this one's value) by field.
    """
    others = (other for other in store.records(record.module) if other.key != record.key)
    return _nearest(_Made.of(record), others)


def compare(old: Record, new: Record) -> Differences:
    """What of two records is different: what their keys are made of, and the code and the packages that made them.

    Returns:
        (old value, new value) by field; None where a record has no such field.
    """
    before, after = _origin(old), _origin(new)
    return _differences(_Made.of(old), _Made.of(new)) | {
        field: (before.get(field), after.get(field))
        for field in before | after
        if before.get(field) != after.get(field)
    }


def _origin(record: Record) -> dict[str, Any]:
    # No option is called like any of these.
    return {
        "module name": record.module,
        "defined in": record.function,
        "source text": record.source,
        "key scheme": record.scheme,
        "git commit": record.git_commit,
    } | {f"package {name}": version for name, version in record.packages.items()}


@dataclass(frozen=True)
class _Made:
    """What a result was, or will be, made of: canonical, and as people wrote it."""

    version: str
    canonical: Any
    canonical_element: Any
    config: Any
    element: Any

    @classmethod
    def of(cls, record: Record) -> _Made:
        return cls(*(getattr(record, field) for field in cls.__dataclass_fields__))

    @cached_property
    def fields(self) -> dict[str, Any]:
        """What was hashed, by field; the element is one, too, and the version."""
        hashed = dict(flat(self.canonical)) | dict(flat(self.canonical_element, "element"))
        return hashed | {"module version" if "version" in hashed else "version": self.version}

    @cached_property
    def as_written(self) -> dict[str, Any]:
        """The values for people, by the same fields."""
        return dict(flat(self.config)) | dict(flat(self.element, "element"))


def _nearest(new: _Made, records: Iterable[Record]) -> tuple[Record | None, Differences]:
    best: Record | None = None
    fewest: Differences = {}
    until = time.monotonic() + _AT_MOST_S
    for record in itertools.islice(records, _AT_MOST):
        differences = _differences(_Made.of(record), new)
        if best is None or len(differences) < len(fewest):
            best, fewest = record, differences
        if len(fewest) <= 1 or time.monotonic() > until:
            break
    return best, fewest


def _differences(old: _Made, new: _Made) -> Differences:
    return {
        field: (_shown(field, old), _shown(field, new))
        for field in sorted(old.fields.keys() | new.fields.keys())
        if old.fields.get(field) != new.fields.get(field)
    }


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The members of nested mappings and lists, each by its whole name, such as `data.shards[0]`."""
    if isinstance(value, Mapping) and "$path" not in value:
        for key, member in value.items():
            yield from flat(member, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from flat(member, f"{prefix}[{i}]")
    else:
        yield prefix, value


def _shown(field: str, made: _Made) -> Any:
    """The value, or for a file its name with the start of its digest."""
    value = made.fields.get(field)
    if isinstance(value, Mapping) and "$path" in value:
        name = made.as_written.get(field)
        in_store = _IN_STORE.search(str(name))
        return "/".join(in_store.groups()) if in_store else f"{name or 'file'} ({value['$path'][:8]})"
    return value
