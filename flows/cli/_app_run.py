"""`orepass app run`: an app from its component to its exit code."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from omegaconf import OmegaConf

from orepass.components import asks_for_help, build_app, find_component, help_of
from orepass.components.settings import Settings, read_settings
from orepass.errors import AppError, ConfigError
from orepass.flows._ending import DONE, FAILED, INTERRUPTED, console
from orepass.flows.cli._app_lines import print_lines, replicas_of
from orepass.runner import DryRun, Runner, default_scheduler, get_runner
from orepass.specs import AppState, AppStatus, use_resources


def run(arguments: argparse.Namespace) -> int:
    """Submit an app and, unless it is detached, wait for it."""
    settings = read_settings(arguments.config)
    component = find_component(arguments.component)
    if asks_for_help(component, arguments.arguments):
        print(help_of(component))
        return DONE
    with use_resources(settings.resources):
        app = build_app(component, arguments.arguments, settings.components.get(component.name, {}))
    runner = get_runner(arguments.session, settings.schedulers)
    scheduler = scheduler_of(arguments, settings)
    dry_run = runner.dryrun(app, scheduler, _options(arguments.option), app_id=arguments.app_id)
    if arguments.dry_run:
        print(dry_run)
        return DONE
    if arguments.detach:
        print(runner.schedule(dry_run))
        return DONE
    return _run_to_its_end(runner, dry_run)


def scheduler_of(arguments: argparse.Namespace, settings: Settings) -> str:
    """The scheduler that the command line names, else the settings, else the environment."""
    name: str = arguments.scheduler or settings.scheduler or default_scheduler()
    return name


def _run_to_its_end(runner: Runner, dry_run: DryRun) -> int:
    handle, replicas = dry_run.handle, replicas_of(dry_run.request.app)
    try:
        runner.schedule(dry_run)
        console.print(f"Submitted: {handle}", markup=False)
        print_lines(runner, handle, replicas, follow=True, streams={"stdout": sys.stdout, "stderr": sys.stderr})
        status = runner.wait(handle)
    except KeyboardInterrupt:
        console.print(f"Cancelling {handle}.", markup=False)
        runner.cancel(handle)
        runner.wait(handle)
        return INTERRUPTED
    except BrokenPipeError:
        console.print(f"What the app writes is read no further; it goes on: orepass app status {handle}", markup=False)
        raise
    if status is None:
        raise AppError(f"The scheduler knows nothing of {handle} any more.")
    if status.state is not AppState.SUCCEEDED:
        console.print(f"{status.state}: {status.msg}", markup=False)
    return exit_code(status)


def exit_code(status: AppStatus) -> int:
    """What a command ends with for an app that has ended so: the first failing replica's exit code."""
    if status.state is AppState.SUCCEEDED:
        return DONE
    replicas = [replica for role in status.roles for replica in role.replicas if replica.state is AppState.FAILED]
    return next((replica.exit_code for replica in replicas if replica.exit_code), FAILED)


def _options(words: list[str]) -> dict[str, Any]:
    """Options of a scheduler; their values are read as YAML."""
    for word in words:
        if "=" not in word:
            raise ConfigError(f"--option {word!r} is no NAME=VALUE.")
    values: Any = OmegaConf.to_container(OmegaConf.from_dotlist(words))
    return dict(values)
