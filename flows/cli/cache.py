"""`orepass cache`: what is in the store, why, and what may go."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orepass.flows.cli import _cache_compare, _cache_look, _cache_prune, _cache_verify
from orepass.flows.cli._words import days, size

_KEY = "the beginning of a key, or MODULE/ and that"


def add_to(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("cache", help="what is in the store, why, and what may go")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add_lookers(actions)
    _add_keepers(actions)


def _add_lookers(actions: Any) -> None:
    lister = _add(actions, "list", "the results, newest first", _cache_look.show_list)
    lister.add_argument("module", nargs="?", help="only those of this module")
    lister.add_argument("--limit", metavar="N", type=_count, help="only so many")

    shower = _add(actions, "show", "all that is known of a result", _cache_look.show_result)
    shower.add_argument("key", help=_KEY)

    explainer = _add(
        actions, "explain", "whether a result is there, or how it differs from the nearest one", _cache_compare.explain
    )
    explainer.add_argument("module", help="a registered name or an import path, package.module:name")
    explainer.add_argument("config", help="its configuration: a YAML or JSON file, or YAML such as '{lang: en}'")
    explainer.add_argument("--element", metavar="E", help="the element of an array, in YAML")

    differ = _add(
        actions, "diff", "how two results differ in what they were made of, and with what", _cache_compare.diff
    )
    differ.add_argument("first", metavar="KEY", help=_KEY)
    differ.add_argument("second", metavar="KEY")


def _add_keepers(actions: Any) -> None:
    verifier = _add(actions, "verify", "read all outputs and compare them with what was written", _cache_verify.verify)
    verifier.add_argument("what", nargs="*", metavar="MODULE|KEY", help="only the results of a module, or one result")
    verifier.add_argument("--set-aside", action="store_true", help="set aside what is damaged, to be computed anew")

    pruner = _add(
        actions, "prune", "remove results that all of the given rules apply to, but none in use", _cache_prune.prune
    )
    pruner.add_argument("--older-than", metavar="AGE", type=days, help="older than this: 36h, 90d, 2w")
    pruner.add_argument(
        "--keep", metavar="SIZE", type=size, help="the oldest, until what stays is no larger than this: 200GB"
    )
    pruner.add_argument("--module", metavar="M", help="those of this module")
    pruner.add_argument(
        "--unreachable-from",
        metavar="PIPELINE.yaml",
        nargs="+",
        help="what these pipelines, as they stand now, neither have for a result nor made one of",
    )
    pruner.add_argument("--key", metavar="K", nargs="+", help=f"these: {_KEY}")
    pruner.add_argument("--yes", action="store_true", help="do not ask")


def _add(actions: Any, name: str, about: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}."
    )
    parser.add_argument("--store", metavar="FOLDER", type=Path, help="the store; the one in use, if not given")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
