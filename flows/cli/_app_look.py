"""`orepass app list|status|log|cancel|describe`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from orepass.components import list_components
from orepass.components.settings import read_settings
from orepass.errors import ConfigError
from orepass.flows._ending import DONE, INTERRUPTED, console
from orepass.flows.cli._app_lines import print_lines, replicas_of
from orepass.flows.cli._app_run import scheduler_of
from orepass.flows.cli.tables import print_json, print_rows
from orepass.runner import Runner, get_runner, parse_handle
from orepass.runner.handle import Handle
from orepass.runner.runner import unknown_app
from orepass.specs import AppDef
from orepass.specs.documents import to_document


def show_list(arguments: argparse.Namespace) -> int:
    """Print the components, and the apps of a scheduler."""
    settings = read_settings(arguments.config)
    scheduler = scheduler_of(arguments, settings)
    components = [{"component": name, "about": about} for name, about in list_components().items()]
    if not arguments.json:  # before a scheduler that may not answer is asked
        print_rows(components, {"component": "component", "about": "what it does"}, as_json=False)
    apps = apps_of(get_runner(scheduler_options=settings.schedulers), scheduler)
    if arguments.json:
        print_json({"components": components, "apps": apps})
    elif apps:
        print_apps(apps)
    else:
        console.print(f"No apps on {scheduler}.", markup=False)
    return DONE


def apps_of(runner: Runner, scheduler: str) -> list[dict[str, Any]]:
    """The apps that a scheduler knows, as rows of a table."""
    return [
        {
            "handle": str(Handle(scheduler, listed.session, listed.app_id)),
            "state": str(listed.state),
            "app": listed.name,
            "submitted": datetime.fromtimestamp(listed.submitted, UTC),
            "submitted_text": datetime.fromtimestamp(listed.submitted).strftime("%Y-%m-%d %H:%M"),
        }
        for listed in runner.list(scheduler)
    ]


def print_apps(apps: Sequence[Mapping[str, Any]]) -> None:
    """Print such rows."""
    print_rows(apps, {"handle": "app", "state": "state", "submitted": "submitted", "app": "name"}, as_json=False)


def show_status(arguments: argparse.Namespace) -> int:
    """Print how an app and its replicas stand."""
    status = _runner(arguments).status(arguments.handle)
    if status is None:
        raise unknown_app(arguments.handle)
    rows = [
        {
            "replica": f"{role.role}/{replica.id}",
            "state": str(replica.state),
            "exit_code": replica.exit_code,
            "host": replica.hostname,
        }
        for role in status.roles
        for replica in role.replicas
    ]
    if arguments.json:
        whole = {"state": str(status.state), "num_restarts": status.num_restarts, "msg": status.msg}
        print_json({**whole, "replicas": rows})
        return DONE
    restarts = f", started again {status.num_restarts} times" if status.num_restarts else ""
    print(f"{status.state}{restarts}{f': {status.msg}' if status.msg else ''}")
    print_rows(rows, {"replica": "replica", "state": "state", "exit_code": "exit code", "host": "host"}, as_json=False)
    return DONE


def show_log(arguments: argparse.Namespace) -> int:
    """Print what replicas have written."""
    runner = _runner(arguments)
    replicas = replicas_of(_app(runner, arguments.handle))
    wanted = [
        (role, number)
        for role, number in replicas
        if arguments.role in (None, role) and arguments.replica in (None, number)
    ]
    if not wanted:
        valid = ", ".join(f"--role {role} --replica {number}" for role, number in replicas)
        raise ConfigError(f"{arguments.handle} has no such replica. Valid: {valid}.")
    streams = {arguments.stream: sys.stdout}
    try:
        print_lines(runner, arguments.handle, wanted, follow=arguments.follow, streams=streams, regex=arguments.regex)
    except KeyboardInterrupt:  # whoever looks has seen enough; the app goes on
        return INTERRUPTED
    return DONE


def cancel(arguments: argparse.Namespace) -> int:
    """End an app, and wait until it has ended."""
    runner = _runner(arguments)
    runner.cancel(arguments.handle)
    status = runner.wait(arguments.handle)
    console.print(f"{arguments.handle}: {status.state if status else 'forgotten'}", markup=False)
    return DONE


def describe(arguments: argparse.Namespace) -> int:
    """Print the app spec."""
    print(yaml.safe_dump(to_document(_app(_runner(arguments), arguments.handle)), sort_keys=False), end="")
    return DONE


def _runner(arguments: argparse.Namespace) -> Runner:
    parse_handle(arguments.handle)
    return get_runner(scheduler_options=read_settings(arguments.config).schedulers)


def _app(runner: Runner, handle: str) -> AppDef:
    app = runner.describe(handle)
    if app is None:
        raise unknown_app(handle)
    return app
