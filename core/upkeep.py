"""Looking after a store: what is in it, whether it is whole, and what may go.

    for result in results(store): print(result.entry.name, result.size)
    damaged = [(result.entry.name, why) for result in results(store) for why in verify(result)]
    preview = plan_prune(store, older_than_days=90)
    prune(store, preview)

How a result differs from the nearest other one tells `orepass.explain.explain_record`.
"""

from __future__ import annotations

import datetime
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orepass.digest import digest_path
from orepass.errors import StoreError
from orepass.layout import Entry
from orepass.record import Record
from orepass.store import Store


@dataclass(frozen=True)
class Result:
    """One stored result.

    Attributes:
        entry: where it is.
        record: what is known of it.
    """

    entry: Entry
    record: Record

    @property
    def size(self) -> int:
        """Bytes of its outputs."""
        return sum(output.size for output in self.record.outputs.values())

    @property
    def age_days(self) -> float:
        """Days since it was begun."""
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(self.record.started)
        return age.total_seconds() / 86400


def results(store: Store, module: str | None = None) -> Iterator[Result]:
    """The readable results of a store, or of one module, newest first within each module."""
    for name in [module] if module else store.modules():
        for record in store.records(name):
            yield Result(store.entry(name, record.key), record)


def find(store: Store, key: str) -> Result:
    """A result by the beginning of its key.

    Raises:
        StoreError: none, or more than one, begins so.
    """
    found = [
        Result(store.entry(name, record.key), record)
        for name in store.modules()
        for record in store.records(name)
        if record.key.startswith(key)
    ]
    if len(found) != 1:
        which = ", ".join(result.entry.name for result in found[:5]) or "none"
        raise StoreError(
            f"{len(found)} results of {store.root} have a key that begins with {key!r} ({which}). Give more."
        )
    return found[0]


def verify(result: Result) -> list[str]:
    """Read all outputs of a result and compare them with its record.

    Returns:
        What is wrong, one line an output; empty if nothing is.
    """
    wrong = []
    for name, output in result.record.outputs.items():
        path = result.entry.folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif path.stat().st_size != output.size:
            wrong.append(f"{name} has {path.stat().st_size} bytes, {output.size} were written")
        elif digest_path(path) != output.digest:
            wrong.append(f"{name} was altered")
    return wrong


def plan_prune(
    store: Store,
    *,
    module: str | None = None,
    older_than_days: float | None = None,
    keep_bytes: int | None = None,
    unreachable_from: Collection[str] | None = None,
) -> list[Result]:
    """What would go; removes nothing. Rules that are given must all apply.

    Args:
        store: the store.
        module: only results of this module.
        older_than_days: only results that were begun longer ago.
        keep_bytes: only the oldest results, as many as it takes for those that stay to be no larger.
        unreachable_from: only results that none of these flow runs (by id) made, nor needed as an input.

    Returns:
        The results, oldest first.
    """
    candidates = sorted(results(store), key=lambda result: result.record.started)
    stay = set() if unreachable_from is None else _reachable(store, candidates, unreachable_from)
    plan = [
        result
        for result in candidates
        if module in (None, result.entry.module)
        and (older_than_days is None or result.age_days > older_than_days)
        and (unreachable_from is None or result.entry.name not in stay)
    ]
    if keep_bytes is None:
        return plan
    excess = sum(result.size for result in candidates) - keep_bytes
    shortened = []
    for result in plan:
        if excess <= 0:
            break
        shortened.append(result)
        excess -= result.size
    return shortened


def prune(store: Store, plan: Collection[Result]) -> int:
    """Remove results; those that a run is computing anew right now stay.

    Args:
        store: the store.
        plan: what `plan_prune` gave.

    Returns:
        Bytes that were freed.

    Raises:
        StoreError: the store cannot be written.
    """
    freed = 0
    for result in plan:
        if result.entry.claim.exists():
            continue
        grave = store.layout.partials / f"{uuid.uuid4().hex}.pruned"
        try:
            grave.parent.mkdir(parents=True, exist_ok=True)
            os.rename(result.entry.folder, grave)  # at once, so that no reader finds a part of it
        except FileNotFoundError:
            continue
        except OSError as error:
            raise store.failure(f"remove {result.entry.name}", error) from error
        shutil.rmtree(grave, ignore_errors=True)
        freed += result.size
    return freed


def _reachable(store: Store, candidates: list[Result], runs: Collection[str]) -> set[str]:
    """Names of the results that flow runs made, and of all that these were made of."""
    by_name = {result.entry.name: result for result in candidates}
    waiting = [result for result in candidates if result.record.flow_run_id in runs]
    reached: set[str] = set()
    while waiting:
        result = waiting.pop()
        if result.entry.name in reached:
            continue
        reached.add(result.entry.name)
        for path in _paths(result.record.config) + _paths(result.record.element):
            located = store.layout.locate(path)
            if located is not None and located[0].name in by_name:
                waiting.append(by_name[located[0].name])
    return reached


def _paths(value: Any) -> list[Path]:
    if isinstance(value, str):
        return [Path(value)] if value.startswith("/") else []
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [path for member in members for path in _paths(member)]
