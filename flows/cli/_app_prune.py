"""`orepass app prune`: forget apps that have ended."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from orepass.components.settings import read_settings
from orepass.flows._ending import DONE, asked_for_yes, console
from orepass.flows.cli._app_look import apps_of, print_apps
from orepass.flows.cli._app_run import scheduler_of
from orepass.runner import get_runner
from orepass.specs import AppState, is_terminal


def prune(arguments: argparse.Namespace) -> int:
    """Remove what is kept of old apps, after a preview."""
    settings = read_settings(arguments.config)
    scheduler = scheduler_of(arguments, settings)
    runner = get_runner(scheduler_options=settings.schedulers)
    before = datetime.now(UTC) - timedelta(days=arguments.older_than)
    old = [
        app for app in apps_of(runner, scheduler) if app["submitted"] < before and is_terminal(AppState[app["state"]])
    ]
    if not old:
        console.print("Nothing to be removed.")
        return DONE
    print_apps(old)
    if not (arguments.yes or asked_for_yes()):
        console.print("Nothing was removed. With --yes it is.")
        return DONE
    for app in old:
        runner.forget(app["handle"])
    console.print(f"Removed: {len(old)} apps, with what they wrote to their streams.")
    return DONE
