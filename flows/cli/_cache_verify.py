"""`orepass cache verify`: whether results are as they were written."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from rich.progress import track

from orepass import upkeep
from orepass.errors import ConfigError, did_you_mean
from orepass.flows._ending import DONE, FAILED, console
from orepass.flows.cli._cache_look import asked_store, short
from orepass.flows.cli.tables import print_rows
from orepass.layout import Entry
from orepass.store import Store


def verify(arguments: argparse.Namespace) -> int:
    """`orepass cache verify`."""
    store = asked_store(arguments)
    found = [entry for what in arguments.what or [None] for entry in _entries(store, what)]
    rows, damaged = [], dict[Entry, str]()
    for entry in track(found, "verify", console=console, disable=not console.is_terminal, transient=True):
        for problem in upkeep.verify(entry):
            rows.append({"module": entry.module, "key": entry.key, "key_text": short(entry.key), "problem": problem})
            damaged.setdefault(entry, problem)
    if rows or arguments.json:
        print_rows(rows, {"module": "module", "key": "key", "problem": "problem"}, arguments.json)
    console.print(f"{len(damaged):,} of {len(found):,} results are damaged.")
    if damaged and arguments.set_aside:
        for entry, problem in damaged.items():
            store.set_aside(entry, problem)
    elif damaged:
        console.print("With --set-aside they are set aside, and the next run that needs them computes them anew.")
    return FAILED if damaged else DONE


def _entries(store: Store, what: str | None) -> Iterator[Entry]:
    """The results that an argument means: all, those of a module, or one."""
    modules = store.modules()
    if what is None or what in modules:
        yield from upkeep.entries(store, what)
    elif set(what.rpartition("/")[2]) <= set("0123456789abcdef"):
        yield upkeep.find(store, what)
    else:
        raise ConfigError(f"{what!r} is no module of {store.root}, and no key. {did_you_mean(what, modules)}")
