"""`orepass app`: run apps, and look after them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orepass.flows.cli import _app_look, _app_prune, _app_run
from orepass.flows.cli._words import days

_HANDLE = "the app's handle, SCHEDULER://SESSION/APP_ID"


def add_to(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("app", help="run apps, and look after them")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add_runner(actions)
    _add_lookers(actions)


def _add_runner(actions: Any) -> None:
    runner = _add(
        actions,
        "run",
        "submit an app, show what it writes, and end with its exit code",
        _app_run.run,
        epilog="COMPONENT is one that `orepass app list` shows, FILE.py, FILE.py:NAME or PACKAGE.MODULE:NAME; "
        "`orepass app run COMPONENT --help` shows its arguments. Ctrl-C cancels the app; it outlives anything else.",
    )
    _add_scheduler(runner)
    runner.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of the scheduler, any number of times",
    )
    runner.add_argument("--session", metavar="NAME", default="orepass", help="whose app it is (default: orepass)")
    runner.add_argument(
        "--app-id", metavar="ID", help="what it is called; if it is there in this session, it is not started again"
    )
    runner.add_argument("--detach", action="store_true", help="print the handle, and do not wait for the app")
    runner.add_argument("--dry-run", "--dryrun", action="store_true", help="show what would be submitted")
    runner.add_argument("component", metavar="COMPONENT", help="what to run")
    runner.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER, help="its arguments")


def _add_lookers(actions: Any) -> None:
    lister = _add(actions, "list", "the components, and the apps that a scheduler knows", _app_look.show_list)
    _add_scheduler(lister)
    lister.add_argument("--json", action="store_true", help="as JSON")

    shower = _add(actions, "status", "how an app and its replicas stand", _app_look.show_status)
    shower.add_argument("handle", help=_HANDLE)
    shower.add_argument("--json", action="store_true", help="as JSON")

    logger = _add(actions, "log", "what the replicas of an app have written", _app_look.show_log)
    logger.add_argument("handle", help=_HANDLE)
    logger.add_argument("--follow", "-f", action="store_true", help="go on until the app has ended")
    logger.add_argument("--role", metavar="NAME", help="only this role")
    logger.add_argument("--replica", metavar="N", type=int, help="only this replica, from 0")
    logger.add_argument("--regex", metavar="R", help="only lines in which this is found")
    logger.add_argument(
        "--stream", choices=["stdout", "stderr", "combined"], default="combined", help="(default: combined)"
    )

    canceller = _add(actions, "cancel", "end an app", _app_look.cancel)
    canceller.add_argument("handle", help=_HANDLE)

    pruner = _add(actions, "prune", "remove what is kept of apps that have ended", _app_prune.prune)
    _add_scheduler(pruner)
    pruner.add_argument(
        "--older-than",
        metavar="AGE",
        type=days,
        required=True,
        help="those that are older than this: 36h, 90d, 2w",
    )
    pruner.add_argument("--yes", action="store_true", help="do not ask")

    describer = _add(actions, "describe", "the app spec that was submitted, as YAML", _app_look.describe)
    describer.add_argument("handle", help=_HANDLE)


def _add(
    actions: Any, name: str, about: str, run: Callable[[argparse.Namespace], int], epilog: str | None = None
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}.", epilog=epilog
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        help="settings of schedulers, components and resources (default: orepass-apps.yaml, ~/.orepass/apps.yaml)",
    )
    parser.set_defaults(run=run)
    return parser


def _add_scheduler(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scheduler", "-s", metavar="NAME", help="where: the settings', $OREPASS_SCHEDULER, or local")
