"""Runnables documents on the command line: read, their extensions installed, and all of it checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from pydantic import TypeAdapter

from orepass.blocks.launchers import make_launcher
from orepass.canonical import resolved
from orepass.config import load
from orepass.errors import ConfigError
from orepass.extensions import Installed, install, plan, read_extensions, sources_of
from orepass.flows._arguments import for_hydra
from orepass.flows._ending import console
from orepass.flows._main import RunConfig
from orepass.flows.experiment import ExperimentFlowConfig, experiment_config
from orepass.flows.runnable import RunnableFlowConfig
from orepass.flows.search import SearchFlowConfig
from orepass.requirements import Requirements
from orepass.run_environment import tell_resources, told_resources
from orepass.runnables.as_module import config_of
from orepass.runnables.reading import Document, read_documents
from orepass.runnables.search import search_of

FlowConfig: TypeAlias = RunnableFlowConfig | SearchFlowConfig | ExperimentFlowConfig
_adapters: dict[type, TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (RunnableFlowConfig, SearchFlowConfig, ExperimentFlowConfig)
}


@dataclass(frozen=True)
class RunnableOptions(RunConfig):
    """What can be said beside the document, after how a flow is run.

    Attributes:
        requires: what a run needs.
        allow: what may be named beside our own names and the extensions, such as `torch.optim`.
        output_dir: where the files are shown.
        resources: files and folders that the run needs, by name: `resources.data=FOLDER`; `orepass.get_env` has them,
            and their content counts for the cache.
    """

    requires: Requirements = field(default_factory=Requirements)
    allow: tuple[str, ...] = ()
    output_dir: str = "outputs/runnable"
    resources: Mapping[str, Path] = field(default_factory=dict)


def read_runnable_file(path: Path, overrides: Sequence[str], *, may_install: bool, here: bool = True) -> dict[str, Any]:
    """Read and check a runnables document, after its extensions were installed.

    Args:
        path: the document.
        overrides: in Hydra's words, such as `launcher=dask`; conf/runnable.yaml has them all.
        may_install: whether extensions that are not there may be installed.
        here: whether it will be driven on this machine; if not, nobody knows here how many GPUs there are.

    Returns:
        The configuration of the flow `runnable`, `search` or `experiment`, with how it is run, as JSON values.

    Raises:
        ConfigError: the document or an option cannot be used, or an extension is not there.
    """
    composed = _composed(overrides)
    options = load(RunnableOptions, composed)
    tell_resources(options.resources)
    document = read_documents(path, options.allow)
    installed = _installed(document.extensions, path.parent, may_install=may_install)
    config, needs = _flow_config(document, installed, options, path)
    for what, needed in needs.items() if here else ():
        _check_gpus(options.launcher, needed, what)
    config = replace(config, resources=told_resources())
    run = {name: composed[name] for name in RunConfig.__dataclass_fields__ if name in composed}
    values: dict[str, Any] = _adapters[type(config)].dump_python(config, mode="json")
    return values | run


def _flow_config(
    document: Document, installed: Sequence[Installed], options: RunnableOptions, path: Path
) -> tuple[FlowConfig, dict[str, Requirements]]:
    """The configuration of the flow, and what its parts need."""
    given: dict[str, Any] = {"allow": options.allow, "folder": path.parent, "requires": options.requires}
    if document.root.target == "Experiment":
        config, stages = experiment_config(document.root, installed, **given)
        needs = {f"The stage {one.name!r}": one.requires or options.requires for one in stages if one.runs}
        return replace(config, output_dir=options.output_dir), needs
    if document.root.target == "Search":
        search = search_of(document.root, installed, **given)
        flow = SearchFlowConfig(path.stem, search, sources_of(installed), options.output_dir)
        return flow, {"A trial": search.requires}
    runnable = config_of(document.root, installed, **given)
    return RunnableFlowConfig(path.stem, runnable, options.output_dir), {"A run": options.requires}


def _check_gpus(launcher: Mapping[str, Any], needs: Requirements, what: str) -> None:
    """Refuse what can never run, as far as the launcher knows."""
    there = make_launcher(**launcher).gpus_at_most() if needs.gpus else None
    if there is not None and needs.gpus > there:
        raise ConfigError(
            f"{what} needs {needs.gpus} GPU(s), and launcher={launcher['name']} has {there} to give to one. Use "
            "another launcher, or lower the gpus that it requires."
        )


def _installed(declared: Mapping[str, str], folder: Path, *, may_install: bool) -> tuple[Installed, ...]:
    planned = plan(read_extensions(declared, folder))
    for one in planned:
        if one.there or may_install:
            console.print(str(one), markup=False)
    return install(planned, may_install)


def _composed(overrides: Sequence[str]) -> dict[str, Any]:
    GlobalHydra.instance().clear()
    try:
        with initialize_config_module("orepass.conf", version_base="1.3"):
            config = compose("runnable", for_hydra(overrides))
    except Exception as error:  # Hydra's own, and those of the parsers that it uses
        raise ConfigError(f"The options {' '.join(overrides)} cannot be used: {error}") from error
    options: dict[str, Any] = resolved(config, "options")
    return options
