"""`orepass cache prune`: remove results, after a preview, and none that a run in progress needs."""

from __future__ import annotations

import argparse

from orepass import upkeep
from orepass.errors import ConfigError
from orepass.flows._ending import DONE, asked_for_yes, console
from orepass.flows._reach import reachable
from orepass.flows.cli._cache_look import COLUMNS, asked_store, check_module, row, total
from orepass.flows.cli.tables import print_rows
from orepass.store import Store
from orepass.upkeep import Pruned, Result, find, plan_prune, read

_NAMED = 5


def prune(arguments: argparse.Namespace) -> int:
    """`orepass cache prune`."""
    store = asked_store(arguments)
    plan = _plan(store, arguments)
    if not arguments.json:
        print_rows([row(result) for result in plan], COLUMNS, False)
        console.print(f"To be removed: {total(plan)}.")
    agreed = bool(plan) and (arguments.yes or (not arguments.json and asked_for_yes()))
    pruned = upkeep.prune(store, plan) if agreed else None
    if arguments.json:
        states = _states(plan, pruned)
        print_rows([row(result) | {"state": states[result.entry.name]} for result in plan], {}, True)
    if pruned is not None:
        _report(pruned)
    elif plan:
        console.print("Nothing was removed. With --yes it is.")
    return DONE


def _plan(store: Store, arguments: argparse.Namespace) -> list[Result]:
    pipelines = arguments.unreachable_from
    rules = (arguments.older_than, arguments.keep, arguments.module, arguments.key, pipelines)
    if all(rule is None for rule in rules):
        raise ConfigError(
            "Nothing says what to prune. Give --older-than, --keep, --module, --unreachable-from or --key; of several, "
            "all must apply."
        )
    check_module(store, arguments.module)
    only = None if arguments.key is None else {read(find(store, key)).entry.name for key in arguments.key}
    return plan_prune(
        store,
        module=arguments.module,
        only=only,
        older_than_days=arguments.older_than,
        keep_bytes=arguments.keep,
        unreachable_from=None if pipelines is None else _reachable(store, pipelines),
    )


def _reachable(store: Store, pipelines: list[str]) -> set[str]:
    names, unknown = reachable(pipelines, store)
    if unknown:
        console.print(
            f"Not known, so perhaps among what goes: the results of {', '.join(unknown)}, which wait for what is not "
            "done.",
            markup=False,
        )
    return names


def _states(plan: list[Result], pruned: Pruned | None) -> dict[str, str]:
    states = {result.entry.name: "planned" if pruned is None else "gone before" for result in plan}
    if pruned is not None:
        states |= {result.entry.name: "removed" for result in pruned.removed}
        states |= {result.entry.name: "in use" for result in pruned.in_use}
    return states


def _report(pruned: Pruned) -> None:
    console.print(f"Removed: {total(pruned.removed)}.")
    if pruned.in_use:
        names = [result.entry.name for result in pruned.in_use]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        console.print(
            f"In use by runs in progress, so not removed: {', '.join(names[:_NAMED])}{more}; {total(pruned.in_use)}.",
            markup=False,
        )
