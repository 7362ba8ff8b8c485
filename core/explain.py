"""Why a result is not in the store: the nearest one that is, and how it differs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

from orepass.record import Record
from orepass.step import Step
from orepass.work import for_people

# A module may have a million results; what is nearest among the newest of them is explanation enough.
_AT_MOST = 2000
_AT_MOST_S = 0.5
_SHOWN = 3


def explain_miss(step: Step) -> str:
    """One line that tells how a step differs from the nearest result of its module.

    Args:
        step: a step whose result is not in the store.
    """
    nearest, differences = _nearest(step)
    if nearest is None:
        return "miss: no result of this module is stored yet"
    shown = [f"{field} {old!r} -> {new!r}" for field, (old, new) in itertools.islice(differences.items(), _SHOWN)]
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return "miss: " + (", ".join(shown) + more if shown else "the way keys are made has changed")


def _nearest(step: Step) -> tuple[Record | None, dict[str, tuple[Any, Any]]]:
    best: Record | None = None
    fewest: dict[str, tuple[Any, Any]] = {}
    until = time.monotonic() + _AT_MOST_S
    for record in itertools.islice(step.store.records(step.module.name), _AT_MOST):
        differences = _differences(record, step)
        if best is None or len(differences) < len(fewest):
            best, fewest = record, differences
        if len(fewest) <= 1 or time.monotonic() > until:
            break
    return best, fewest


def _differences(record: Record, step: Step) -> dict[str, tuple[Any, Any]]:
    old = dict(_flat(record.canonical)) | dict(_flat(record.canonical_element, "element"))
    new = dict(_flat(step.key.config)) | dict(_flat(step.key.element, "element"))
    old["version"], new["version"] = record.version, step.module.cache_version
    names = {"": record.config, "element": record.element}, {"": for_people(step.config), "element": step.element}
    return {
        field: (_shown(field, old, names[0]), _shown(field, new, names[1]))
        for field in sorted(old.keys() | new.keys())
        if old.get(field) != new.get(field)
    }


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and "$path" not in value:
        for key, member in value.items():
            yield from _flat(member, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from _flat(member, f"{prefix}[{i}]")
    else:
        yield prefix, value


def _shown(field: str, flat: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    """The value, or for a file its name with the start of its digest."""
    value = flat.get(field)
    if isinstance(value, Mapping) and "$path" in value:
        name = _by_name(names, field)
        return f"{name or 'file'} ({value['$path'][:8]})"
    return value


def _by_name(names: Mapping[str, Any], field: str) -> Any:
    if field == "element":
        return str(names["element"])
    config = names[""]
    return config.get(field) if isinstance(config, Mapping) else None
