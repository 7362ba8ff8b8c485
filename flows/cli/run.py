"""`orepass run`: run a pipeline, or a part of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from orepass.errors import ConfigError
from orepass.flows._ending import DONE, console
from orepass.flows._main import run_flow
from orepass.flows._steps_table import print_steps
from orepass.flows.cli import plan
from orepass.flows.cli._pipelines import Asked, add_arguments, asked
from orepass.flows.cli._runnables import run_document
from orepass.flows.cli.tables import print_rows
from orepass.flows.pipeline import pipeline
from orepass.pipelines.selection import Kind, Target, choose, find_target, foresee
from orepass.pipelines.states import Standing, survey
from orepass.runnables.reading import is_runnables_document


def add_to(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "run",
        help="run a pipeline, or a part of it; or a runnable",
        description="Run all that is not done; or, of each module named, the next stage that is not done and is ready. "
        "A file that is a runnables document instead is run as a whole.",
        epilog="MODULE:STAGE is one stage, MODULE:all (or :*) are all of them, MODULE:? lists them. "
        "Exit codes: 0 done or nothing to do, 1 failed or not ready, 2 usage.",
    )
    add_arguments(parser, "what is run, one after the other; everything, if not given", or_runnable=True)
    parser.add_argument("--force", action="store_true", help="run it again, and forget all that depends on it")
    parser.add_argument("--dry-run", action="store_true", help="tell what would run, and run nothing")
    parser.add_argument("--keep-going", action="store_true", help="after a failure, go on with what does not need it")
    parser.add_argument("--no-install", action="store_true", help="of a runnable: refuse to install its extensions")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if is_runnables_document(Path(arguments.file)):
        return run_document(arguments)
    if arguments.no_install:
        raise ConfigError("--no-install is for runnables documents; a pipeline file has no extensions.")
    request = asked(arguments)
    targets = [find_target(request.file.pipeline, name) for name in request.names]
    standings = survey(request.file.pipeline.nodes, request.store).standings
    listed = [target for target in targets if target.kind is Kind.LIST]
    if listed:
        _list(listed, standings)
        return DONE
    if arguments.dry_run:
        wanted = None if arguments.force or not targets else foresee(targets, standings)
        return plan.show(request, force=arguments.force, as_json=False, only=wanted, standings=standings)
    if not arguments.force and _nothing_to_do(targets, standings):
        console.print(f"{', '.join(request.names) or request.file.path.name}: done, nothing to do.", markup=False)
        return DONE
    names = _all_if_forced(targets) if arguments.force else list(request.names)
    asked_for = {
        "run": names,
        "force": arguments.force,
        "keep_going": arguments.keep_going,
        "folder": str(request.file.path.parent),
    }
    config = cast(DictConfig, OmegaConf.merge(request.file.config, asked_for))
    result = run_flow(pipeline.with_options(flow_run_name=request.file.path.stem), config)
    out = Console(highlight=False, emoji=False, soft_wrap=True)
    print_steps(out, result.steps)
    for name, files in result.published.items():
        out.print(f"{name}: {' '.join(map(str, files))}", markup=False)
    _tell_what_is_left(request, targets)
    return DONE


def _list(targets: Sequence[Target], standings: dict[str, Standing]) -> None:
    rows = [
        {"stage": name, "state": standings[name].state.value, "module": standings[name].node.type.name}
        for target in targets
        for name in target.nodes
    ]
    print_rows(rows, {"stage": "stage", "state": "state", "module": "type"}, as_json=False)


def _nothing_to_do(targets: Sequence[Target], standings: dict[str, Standing]) -> bool:
    if not targets:
        return all(standing.done for standing in standings.values())
    return not any(choose(target, standings) for target in targets)


def _all_if_forced(targets: Sequence[Target]) -> list[str]:
    """Forced, a module with stages means all of them: there is no next one when all are to be run again."""
    return [
        f"{target.name}:all" if target.kind is Kind.NEXT and len(target.nodes) > 1 else target.name
        for target in targets
    ]


def _tell_what_is_left(request: Asked, targets: Sequence[Target]) -> None:
    standings = survey(request.file.pipeline.nodes, request.store).standings
    for target in targets:
        left = [name for name in target.nodes if not standings[name].done]
        if left:
            console.print(f"{target.name}: {', '.join(left)} still to run.", markup=False)
