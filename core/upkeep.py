"""Looking after a store: what is in it, whether it is whole, and what may go.

    for result in results(store): print(result.entry.name, result.size)
    damaged = [(entry.name, why) for entry in entries(store) for why in verify(entry)]
    preview = plan_prune(store, older_than_days=90)
    prune(store, preview)

How a result differs from the nearest other one tells `orepass.explain.explain_record`.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orepass.digest import digest_path
from orepass.errors import DamagedError, StoreError
from orepass.in_use import pruning
from orepass.layout import RECORD, Entry
from orepass.lineage import needed, reachable
from orepass.record import Output, Record
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


def entries(store: Store, module: str | None = None) -> Iterator[Entry]:
    """Where the results of a store or of one module are, also those whose records cannot be read."""
    for name in [module] if module else store.modules():
        for place in sorted(store.layout.module(name).glob("*/")):
            yield store.entry(name, place.name)


def find(store: Store, key: str) -> Entry:
    """Where a result is, by the beginning of its key, or by `module/` and that.

    Raises:
        StoreError: none, or more than one, begins so.
    """
    module, _, digits = key.rpartition("/")
    found = [entry for entry in entries(store, module or None) if entry.key.startswith(digits)]
    if len(found) != 1:
        which = f" ({', '.join(entry.name for entry in found[:5])})" if found else ""
        remedy = "Give more of it" if found else "`orepass cache list` shows which there are"
        raise StoreError(f"{len(found)} results of {store.root} have a key that begins with {key!r}{which}. {remedy}.")
    return found[0]


def read(entry: Entry) -> Result:
    """A result with what is known of it.

    Raises:
        DamagedError: its record is missing or not whole.
    """
    try:
        return Result(entry, _record_of(entry))
    except DamagedError as error:
        remedy = "`orepass cache verify --set-aside` sets it aside, and the next run computes it anew"
        raise DamagedError(f"{entry.name} is damaged: {error}. {remedy}.") from None


def verify(entry: Entry) -> list[str]:
    """Read all outputs of a result and compare them with its record.

    Returns:
        What is wrong, one line an output; empty if nothing is.
    """
    try:
        outputs = _record_of(entry).outputs
        wrong = [f"{name} {problem}" for name in outputs if (problem := _problem(entry.folder / name, outputs[name]))]
    except DamagedError as error:
        wrong = [str(error)]
    return wrong if entry.folder.exists() else []  # it may have been pruned meanwhile


def _record_of(entry: Entry) -> Record:
    try:
        record = Record.loads(entry.record.read_bytes())
    except FileNotFoundError:
        raise DamagedError(f"{RECORD} is missing") from None
    if record.key != entry.key:
        raise DamagedError(f"{RECORD} is that of {record.key}")
    return record


def _problem(path: Path, written: Output) -> str | None:
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != written.size:
        return f"has {path.stat().st_size} bytes, {written.size} were written"
    return None if digest_path(path) == written.digest else "was altered"


def plan_prune(
    store: Store,
    *,
    module: str | None = None,
    only: Collection[str] | None = None,
    older_than_days: float | None = None,
    keep_bytes: int | None = None,
    unreachable_from: Collection[str] | None = None,
    unreachable_from_runs: Collection[str] | None = None,
) -> list[Result]:
    """What would go; removes nothing. Rules that are given must all apply.

    A result stays in any case if one that stays returns files of it.

    Args:
        store: the store.
        module: only results of this module.
        only: only these results (`module/key`).
        older_than_days: only results that were begun longer ago.
        keep_bytes: only the oldest results, as many as it takes for those that stay to be no larger.
        unreachable_from: only results that are none of these (`module/key`), nor what these were made of.
        unreachable_from_runs: only results that none of these flow runs (by id) made, nor what these were made of.

    Returns:
        The results, oldest first.
    """
    everything = sorted(results(store), key=lambda result: result.record.started)
    records = {result.entry.name: result.record for result in everything}
    stay: set[str] = set()
    if unreachable_from is not None:
        stay |= reachable(records, unreachable_from)
    if unreachable_from_runs is not None:
        made = [name for name, record in records.items() if record.flow_run_id in unreachable_from_runs]
        stay |= reachable(records, made)
    plan = [
        result
        for result in everything
        if module in (None, result.entry.module)
        and (only is None or result.entry.name in only)
        and (older_than_days is None or result.age_days > older_than_days)
        and result.entry.name not in stay
    ]
    while True:
        chosen = plan if keep_bytes is None else _oldest(plan, sum(result.size for result in everything) - keep_bytes)
        cannot = needed(records.values(), {result.entry.name for result in chosen})
        if not cannot:
            return chosen
        plan = [result for result in plan if result.entry.name not in cannot]


@dataclass(frozen=True)
class Pruned:
    """What came of a plan.

    Attributes:
        removed: the results that are gone.
        in_use: those that stayed, because a run in progress needs them, or something that it needs.
    """

    removed: list[Result]
    in_use: list[Result]

    @property
    def freed(self) -> int:
        """Bytes of the outputs that were removed."""
        return sum(result.size for result in self.removed)


def prune(store: Store, plan: Collection[Result]) -> Pruned:
    """Remove results; those that a run in progress needs stay, and a run that wants one meanwhile waits.

    Args:
        store: the store.
        plan: what `plan_prune` gave.

    Raises:
        StoreError: the store cannot be written.
    """
    going = {result.entry.name for result in plan}
    graves: dict[Path, Result] = {}
    try:
        store.layout.partials.mkdir(parents=True, exist_ok=True)
        with pruning(store.layout, going) as in_use:
            going -= in_use
            going -= needed((result.record for result in results(store)), going)
            for result in plan:
                grave = store.layout.partials / f"{uuid.uuid4().hex}.pruned"
                # At once, so that no reader finds a part of it. Another pruning may have taken it.
                with contextlib.suppress(FileNotFoundError):
                    if result.entry.name in going:
                        os.rename(result.entry.folder, grave)
                        graves[grave] = result
    except OSError as error:
        raise store.failure("prune", error) from error
    finally:
        for grave in graves:  # only now, for it takes long, and no run has to wait for it
            shutil.rmtree(grave, ignore_errors=True)
    return Pruned([*graves.values()], [result for result in plan if result.entry.name not in going])


def _oldest(plan: Iterable[Result], excess: int) -> list[Result]:
    chosen = []
    for result in plan:
        if excess <= 0:
            break
        chosen.append(result)
        excess -= result.size
    return chosen
