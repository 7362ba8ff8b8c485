"""`orepass cache list` and `show`, and what the other actions on the store share with them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import orjson

from orepass.errors import ConfigError, did_you_mean
from orepass.explain import flat
from orepass.flows._ending import DONE, console
from orepass.flows.cli._words import size_text, time_text
from orepass.flows.cli.tables import print_json, print_rows
from orepass.lineage import made_of
from orepass.record import Record
from orepass.store import Store, current_store
from orepass.upkeep import Result, find, read, results

_DIGITS = 12
COLUMNS = {"module": "module", "key": "key", "started": "age", "bytes": "size"}


def show_list(arguments: argparse.Namespace) -> int:
    """`orepass cache list`."""
    store = asked_store(arguments)
    check_module(store, arguments.module)
    found = sorted(results(store, arguments.module), key=lambda result: result.record.started, reverse=True)
    shown = found[: arguments.limit]
    print_rows([row(result) for result in shown], {**COLUMNS, "seconds": "took", "host": "host"}, arguments.json)
    first = f"The newest {len(shown)} of " if len(shown) < len(found) else ""
    console.print(f"{first}{total(found)} in {store.root}", markup=False)
    return DONE


def show_result(arguments: argparse.Namespace) -> int:
    """`orepass cache show`."""
    result = read(find(asked_store(arguments), arguments.key))
    record = result.record
    if arguments.json:
        derived = {"folder": result.entry.folder, "bytes": result.size, "made_of": sorted(made_of(record))}
        print_json(orjson.loads(record.dumps()) | derived)
        return DONE
    fields = [*_about(result), *_made_from(record), *_outcome(result), *_circumstances(record)]
    print_rows(
        [{"field": field, "value": value} for field, value in fields], {"field": "field", "value": "value"}, False
    )
    return DONE


def asked_store(arguments: argparse.Namespace) -> Store:
    """The store that is meant.

    Raises:
        ConfigError: one was given that is not there.
    """
    if arguments.store is None:
        return current_store()
    store = Store(arguments.store)
    if not store.root.is_dir():
        raise ConfigError(f"There is no store at {store.root}: no such folder. Check --store.")
    return store


def check_module(store: Store, name: str | None) -> None:
    """See that a store has results of a module, if one is named.

    Raises:
        ConfigError: it has none.
    """
    if name is not None and name not in (names := store.modules()):
        hint = did_you_mean(name, names) if names else "It is empty."
        raise ConfigError(f"{store.root} has no results of a module {name!r}. {hint}")


def row(result: Result) -> dict[str, Any]:
    """A result in a table."""
    record = result.record
    return {
        "module": record.module,
        "key": record.key,
        "key_text": short(record.key),
        "started": record.started,
        "started_text": time_text(round(86400 * result.age_days)),
        "bytes": result.size,
        "bytes_text": size_text(result.size),
        "seconds": record.seconds,
        "seconds_text": time_text(record.seconds),
        "host": record.host,
    }


def short(key: str) -> str:
    """So much of a key that it can be told from others."""
    return key[:_DIGITS]


def total(found: list[Result]) -> str:
    """How many results, and how large."""
    return f"{len(found):,} result{'s' * (len(found) != 1)}, {size_text(sum(result.size for result in found))}"


def _about(result: Result) -> Iterator[tuple[str, Any]]:
    record = result.record
    yield from {"module": record.module, "version": record.version, "key": record.key}.items()
    yield "defined in", record.function
    yield "folder", result.entry.folder


def _made_from(record: Record) -> Iterator[tuple[str, Any]]:
    for name, value in flat(record.config):
        yield f"config {name}".rstrip(), value
    if record.canonical_element is not None:
        for name, value in flat(record.element, "element"):
            yield name, value
    for other in sorted(made_of(record)):
        yield "made of", other


def _outcome(result: Result) -> Iterator[tuple[str, Any]]:
    yield "result", orjson.dumps(result.record.result).decode()
    for name, output in result.record.outputs.items():
        yield f"file {name}", size_text(output.size)
    yield "size", size_text(result.size)


def _circumstances(record: Record) -> Iterator[tuple[str, Any]]:
    yield "begun", record.started
    yield "took", f"{time_text(record.seconds)}, {time_text(record.cpu_seconds)} of the processor"
    if record.peak_memory_bytes is not None:
        yield "memory", size_text(record.peak_memory_bytes)
    yield "on", f"{record.host}, process {record.pid}" + (f", job {record.job_id}" if record.job_id else "")
    runs = {"flow run": record.flow_run_id, "task run": record.task_run_id, "git commit": record.git_commit}
    yield from ((name, value) for name, value in runs.items() if value)
    yield "packages", ", ".join(f"{name} {version}" for name, version in record.packages.items())
