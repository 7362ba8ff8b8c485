"""`Experiment`: stages that link to each other, with a search at each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orepass.errors import ConfigError
from orepass.extensions import Installed, activate
from orepass.requirements import Requirements
from orepass.runnables.as_module import RunnableResult, check_files, config_of, runnable
from orepass.runnables.building import check_calls
from orepass.runnables.experiment_links import supplied
from orepass.runnables.experiment_plan import Stage, options_of, plan
from orepass.runnables.experiment_report import show_result
from orepass.runnables.experiment_result import ExperimentResult
from orepass.runnables.experiment_running import run_stages
from orepass.runnables.experiment_variants import Variant
from orepass.runnables.search_pruning import Pruning
from orepass.runnables.tree import Call, Node, freeze, refusal
from orepass.runnables.walking import spaces, with_values
from orepass.step import make_steps
from orepass.store import current_store


class Experiment:
    """A graph of stages, with a search possible at each; see docs/experiments.md.

        Experiment("sizes", {"data": Call("my_ext.Data"), "train": Call("my_ext.Train", {"data": Link("data")})})

    Args:
        name: what it is called.
        pipeline: by name, what each stage is: a `Call`, or data. Search spaces and links may be in it.
        reduce: by stage, how many of its variants are kept, those with the best metric; all, if not given.
        algorithm: by stage, how its search goes about it, in the words of `SearchOptions`; all combinations of values,
            if not given.
        requires: by stage, what a run needs, in the words of `Requirements`.
        direction: whether metrics are to be large (`maximize`) or small (`minimize`); may be given by stage.

    Raises:
        ConfigError: an argument is not what it has to be.
    """

    def __init__(
        self,
        name: str = "experiment",
        pipeline: Mapping[str, Any] | None = None,
        reduce: Mapping[str, int] | None = None,
        algorithm: Mapping[str, Any] | None = None,
        requires: Mapping[str, Any] | None = None,
        direction: str | Mapping[str, str] = "maximize",
    ) -> None:
        if not isinstance(name, str):
            raise ConfigError(f"The name of the experiment is {name!r}. Give a text.")
        self.name = name
        self.pipeline = options_of(pipeline, "pipeline")
        self.reduce = options_of(reduce, "reduce")
        self.algorithm = options_of(algorithm, "algorithm")
        self.requires = options_of(requires, "requires")
        self.direction = freeze(direction)
        self.result: ExperimentResult | None = None

    def plan(self, installed: Sequence[Installed] = (), allow: Sequence[str] = ()) -> tuple[Stage, ...]:
        """Check all that can be checked before anything runs.

        Args:
            installed: the extensions that it uses.
            allow: what may be named beside our own names and the extensions.

        Returns:
            The stages, each after those that it links to.

        Raises:
            ConfigError: something of it cannot work; says where it is written, as far as that is known.
        """
        activate(installed)
        modules = _modules(installed, allow)
        return plan(self.pipeline, self.reduce, self.algorithm, self.requires, self.direction, modules)

    async def schedule(
        self,
        installed: Sequence[Installed] = (),
        *,
        allow: Sequence[str] = (),
        folder: Path | None = None,
        requires: Requirements | None = None,
    ) -> ExperimentResult:
        """Run all of it that is not in the store. Variants that fail do not stop others; the result has them.

        Args:
            installed: the extensions that it uses.
            allow: what may be named beside our own names and the extensions.
            folder: where relative names of scripts begin; the working directory, if not given.
            requires: what a run needs where nothing is said for its stage.

        Raises:
            ConfigError: see `plan`; or a file that a stage names is not there.
            StoreError: the store cannot be used.
        """
        stages = self.plan(installed, allow)
        for stage in stages:
            check_files(stage.tree, (folder or Path()).absolute())
        modules = _modules(installed, allow)

        def supply(tree: Node, variants: Mapping[str, Variant]) -> Mapping[str, Any]:
            return supplied(tree, variants, modules)

        async def run(
            stage: Stage, tree: Node, sent: Mapping[str, Any], label: str, pruning: Pruning | None
        ) -> RunnableResult:
            needs = stage.requires or requires
            config = config_of(tree, installed, allow=allow, folder=folder, requires=needs, links=sent, pruning=pruning)
            found: RunnableResult = await runnable.schedule(config, label=label)
            return found

        def key_of(stage: Stage, sent: Mapping[str, Any]) -> str:
            # That of a step which is never run: of what is searched over, without the values.
            tree = with_values(stage.tree, dict.fromkeys(spaces(stage.tree)))
            config = config_of(tree, installed, allow=allow, folder=folder, links=sent)
            (step,) = make_steps(runnable, config, None, current_store())
            return step.key.digest

        self.result = ExperimentResult(stages, await run_stages(stages, supply, run, key_of))
        await show_result(self.result, self.name)
        return self.result

    def run(self) -> None:
        """Run it where no event loop is running; `result` has what came of it.

        Raises:
            ConfigError: see `schedule`; or a coroutine goes on in this thread, which awaits that.
            StoreError: the store cannot be used.
        """
        if asyncio._get_running_loop() is not None:
            raise ConfigError("Experiment.run() would stop the flow that it is called in. Await schedule() there.")
        asyncio.run(self.schedule())


def experiment_of(call: Call, installed: Sequence[Installed] = (), allow: Sequence[str] = ()) -> Experiment:
    """The experiment that a document describes; what its stages are is not built.

    Args:
        call: of `Experiment`.
        installed: the extensions that it uses.
        allow: what may be named beside our own names and the extensions.

    Raises:
        ConfigError: its arguments are not what they have to be.
    """
    activate(installed)
    check_calls(call, _modules(installed, allow))
    try:
        return Experiment(*call.positional, **call.arguments)  # type: ignore[arg-type]
    except ConfigError as error:
        raise refusal(call.place, str(error)) from error


def _modules(installed: Sequence[Installed], allow: Sequence[str]) -> list[str]:
    return [*(one.module for one in installed), *allow]
