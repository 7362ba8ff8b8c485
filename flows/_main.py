"""What all flows' command lines share: server, store and launcher from the configuration, errors, exit codes."""

from __future__ import annotations

import asyncio
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig
from prefect import Flow
from prefect.flow_engine import run_flow as run_flow_engine

from orepass.blocks.launchers import make_launcher
from orepass.canonical import resolved
from orepass.config import Config, load
from orepass.flows._arguments import for_hydra
from orepass.flows._deployed import deployed_run
from orepass.flows._ending import console, ending
from orepass.prefect_log import keep_it_short
from orepass.server import prefect_server
from orepass.store import Store, current_store, use_store


@dataclass(frozen=True)
class StoreConfig(Config):
    """Where results are kept.

    Attributes:
        root: the store's folder; `$OREPASS_STORE`, else `~/.orepass/store`, if not given.
    """

    root: Path | None = None


@dataclass(frozen=True)
class RunConfig(Config):
    """How a flow is run; none of it changes what it computes.

    Attributes:
        launcher: `name` of a launcher and its options.
        store: where results are kept.
        server: `auto`, `temporary` or the API address of a Prefect server; see `orepass.server`.
    """

    launcher: Mapping[str, Any] = field(default_factory=lambda: {"name": "local"})
    store: StoreConfig = StoreConfig()
    server: str = "auto"


def start(main: Callable[[], None], about: str, options: type) -> None:
    """Run a flow's `main` on the command line's arguments, after what `--help` has to say of its own.

    Args:
        main: a function that Hydra wrapped.
        about: what the flow does.
        options: the flow's configuration.
    """
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(about, options.__name__, inspect.getdoc(options), sep="\n")
    sys.argv[1:] = for_hydra(sys.argv[1:])
    main()


def run_flow(flow: Flow[..., Any], config: DictConfig | Mapping[str, Any]) -> Any:
    """Run a flow as a configuration says, Hydra's or a plain one, and end the process if it fails.

    What `RunConfig` does not take of the configuration is the flow's own parameter `config`.

    Returns:
        What the flow returns.

    Raises:
        SystemExit: 1 if something failed, 2 if the configuration cannot be used, 130 after Ctrl-C, 143 after SIGTERM.
    """
    keep_it_short()
    with ending():
        options = resolved(config) if isinstance(config, DictConfig) else dict(config)
        names = RunConfig.__dataclass_fields__
        run = load(RunConfig, {name: options.pop(name) for name in names if name in options})
        load(typing.get_type_hints(flow.fn)["config"], options)  # what is wrong is better known before all else
        launcher = make_launcher(**run.launcher)
        runner = launcher.task_runner()
        launcher.prepare()
        if run.store.root is not None:
            use_store(Store(run.store.root))
        current_store().sweep()
        with prefect_server(run.server, console.print) as url:
            bound_to = run.launcher if url else None  # a temporary server forgets the run, so nobody will retry it
            return asyncio.run(_run(flow.with_options(task_runner=runner), {"config": options}, bound_to))


async def _run(flow: Flow[..., Any], parameters: dict[str, Any], launcher: Mapping[str, Any] | None) -> Any:
    run = None if launcher is None else await deployed_run(flow, parameters, launcher, console.print)
    return await cast(Any, run_flow_engine(flow, run, parameters))
