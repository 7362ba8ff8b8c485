"""`orepass submit`: send a run itself to a cluster."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orepass.config import Config, load
from orepass.errors import ConfigError
from orepass.flows._ending import DONE
from orepass.flows._pipeline_file import read_pipeline_file
from orepass.flows._runnable_file import read_runnable_file
from orepass.flows.cli._pipelines import OVERRIDE, add_arguments
from orepass.runnables import is_runnables_document
from orepass.runner import get_runner
from orepass.specs import AppDef, Resource, Role, macros
from orepass.store import ENVIRONMENT_VARIABLE as STORE
from orepass.store import current_store

_CLUSTER = Path("~/.orepass/cluster.yaml")


@dataclass(frozen=True)
class Driver(Config):
    """What the run's own process needs; its steps are the launcher's.

    Attributes:
        cpu: processor cores.
        gpu: graphics processors.
        memMB: main memory in MB.
    """

    cpu: int = 1
    gpu: int = 0
    memMB: int = 4096


@dataclass(frozen=True)
class Cluster(Config):
    """What a cluster file says.

    Attributes:
        scheduler: where the driver goes: `slurm`, `prefect` for a work pool, or another scheduler of apps.
        options: of the scheduler, such as `partition` and `time_limit_min`, or `work_pool`.
        driver: what the driver needs.
        env: environment variables for it.
        run: words for `orepass run`, such as `launcher=slurm`; those of the command line come after them.
    """

    scheduler: str = "slurm"
    options: Mapping[str, Any] = field(default_factory=dict)
    driver: Driver = Driver()
    env: Mapping[str, str] = field(default_factory=dict)
    run: tuple[str, ...] = ()


def add_to(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "submit",
        help="send a run itself to a cluster",
        description="Check a pipeline or a runnable, and let `orepass run` run it in a job of its own. Prints a handle "
        "that `orepass app status`, `log` and `cancel` take.",
    )
    add_arguments(parser, "what is run; everything, if not given", or_runnable=True)
    parser.add_argument(
        "--cluster", metavar="FILE", type=Path, default=_CLUSTER, help=f"what the cluster is (default: {_CLUSTER})"
    )
    parser.add_argument("--no-install", action="store_true", help="of a runnable: refuse to install its extensions")
    parser.add_argument("--dry-run", action="store_true", help="show what would be submitted")
    parser.set_defaults(run=_submit)


def _submit(arguments: argparse.Namespace) -> int:
    cluster = _read(arguments.cluster)
    path = Path(arguments.file)
    words = [*cluster.run, *arguments.words]
    _check(path, words, may_install=not arguments.no_install, here=cluster.scheduler == "local")
    runner = get_runner(scheduler_options={cluster.scheduler: cluster.options})
    dry_run = runner.dryrun(_app(path, words, cluster), cluster.scheduler)
    if arguments.dry_run:
        print(dry_run)
        return DONE
    print(runner.schedule(dry_run))
    return DONE


def _read(file: Path) -> Cluster:
    path = file.expanduser()
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"The cluster file {path} cannot be read: {error.strerror}. Give --cluster FILE.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"The cluster file {path} is no YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"The cluster file {path} is no mapping. Give at least scheduler: NAME.")
    try:
        return load(Cluster, values)
    except ConfigError as error:
        raise ConfigError(f"The cluster file {path}: {error}") from error


def _check(path: Path, words: list[str], *, may_install: bool, here: bool) -> None:
    """See what is wrong here and now, and not when the job has begun."""
    overrides = [word for word in words if OVERRIDE.match(word)]
    if not is_runnables_document(path):
        read_pipeline_file(str(path), overrides)
        return
    if len(overrides) < len(words):
        raise ConfigError(f"{path} is a runnable, which has no modules to name.")
    read_runnable_file(path.resolve(), overrides, may_install=may_install, here=here)


def _app(path: Path, words: list[str], cluster: Cluster) -> AppDef:
    needs = cluster.driver
    role = Role(
        name="driver",
        image=str(Path.cwd()),
        entrypoint=str(Path(sys.executable).with_name("orepass")),
        args=[macros.literal(word) for word in ("run", str(path), *words)],
        env={name: macros.literal(value) for name, value in {STORE: str(current_store().root), **cluster.env}.items()},
        resource=Resource(needs.cpu, needs.gpu, needs.memMB),
    )
    return AppDef(path.stem, [role])
