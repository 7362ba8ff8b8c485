"""`Search`: a hyperparameter search over an object or a script, as a runnable."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orepass.config import Config, load
from orepass.errors import ConfigError
from orepass.extensions import Installed, activate, dumps, loads
from orepass.requirements import Requirements
from orepass.runnables.as_module import RunnableResult, check_files, config_of, runnable
from orepass.runnables.building import check_calls
from orepass.runnables.json_form import from_json, to_json
from orepass.runnables.names import find
from orepass.runnables.search_options import Budget, SearchOptions, check_search
from orepass.runnables.search_pruning import Pruning
from orepass.runnables.search_result import SearchResult
from orepass.runnables.searching import run_search
from orepass.runnables.tree import Call, Node, refusal
from orepass.runnables.walking import spaces, with_values
from orepass.step import make_steps
from orepass.store import current_store


@dataclass(frozen=True)
class SearchConfig(Config):
    """A search, as it travels.

    Attributes:
        tree: what is searched over, with its search spaces, as `to_json` gives it.
        options: how to go about it.
        extensions: where they are, as `orepass.extensions.dumps` gives it.
        allow: what may be named beside our own names and the extensions.
        folder: where relative names of scripts begin.
        requires: what a trial needs.
    """

    tree: Mapping[str, Any]
    options: SearchOptions = field(default_factory=SearchOptions)
    extensions: str = "[]"
    allow: tuple[str, ...] = ()
    folder: str = ""
    requires: Requirements = field(default_factory=Requirements)


class Search:
    """Searches for the arguments with which a runnable has the best metric.

        Search(Call("Script", {"script": "train.py", "kwargs": {"lr": LogUniform(1e-4, 1)}}), "random", trials=20)

    In a flow, `await search.schedule()` runs the trials on its launcher; elsewhere `search.run()` runs them in threads.

    Args:
        runnable: what is searched over: a `Call` with search spaces in the place of arguments.
        algorithm: `grid`, `random`, `tpe`, `halving` or `hyperband`.
        trials: how many; not for `grid`, which tries all.
        parallel: how many at once.
        seed: of what is drawn.
        direction: `maximize` or `minimize` the metric.
        budget: for `halving` and `hyperband`: `argument`, `max`, `min` and `factor`.
        requires: what a trial needs; a core and 2 GiB, if not given.
        allow: what may be named beside our own names and the extensions, such as `my_package`.
        extensions: those that are used, installed.

    Raises:
        ConfigError: the search cannot be made.
    """

    def __init__(
        self,
        runnable: Call,
        algorithm: str = "grid",
        trials: int | None = None,
        parallel: int | None = None,
        seed: int = 0,
        direction: str = "maximize",
        budget: Budget | Mapping[str, Any] | None = None,
        requires: Requirements | Mapping[str, Any] | None = None,
        allow: Sequence[str] = (),
        extensions: Sequence[Installed] = (),
    ) -> None:
        options = {"algorithm": algorithm, "trials": trials, "parallel": parallel, "seed": seed}
        searched = load(SearchOptions, {**options, "direction": direction, "budget": budget})
        needs = load(Requirements, requires or {})
        self.config = _config(runnable, searched, extensions, tuple(allow), Path(), needs)
        self.result: SearchResult | None = None

    async def schedule(self, label: str = "") -> SearchResult:
        """Run the trials that are not in the store, on the launcher of the flow that goes on.

        Args:
            label: what stands before the names of the trials.

        Raises:
            ArrayError: all trials failed.
        """
        self.result = await schedule_search(self.config, label)
        return self.result

    def run(self) -> None:
        """Run the trials that are not in the store.

        Raises:
            ConfigError: a coroutine goes on in this thread; see `schedule`.
            ArrayError: all trials failed.
        """
        if asyncio._get_running_loop() is not None:
            raise ConfigError("Search.run() would stop the flow or coroutine that it is called in. Await schedule().")
        asyncio.run(self.schedule())

    def metric(self) -> float | None:
        """The best metric, negative where the smallest is the best; None before `run`."""
        if self.result is None or self.result.best.metric is None:
            return None
        return self.result.best.metric if self.result.direction == "maximize" else -self.result.best.metric


async def schedule_search(config: SearchConfig, label: str = "") -> SearchResult:
    """Run the trials of a search that are not in the store; see `run_search`."""
    installed = loads(config.extensions)
    activate(installed)
    tree = from_json(config.tree)
    options: dict[str, Any] = {"allow": config.allow, "folder": Path(config.folder), "requires": config.requires}
    # The key of what is searched over, without the values, is that of a step which is never run.
    skeleton = config_of(with_values(tree, dict.fromkeys(spaces(tree))), installed, **options)
    (step,) = await asyncio.to_thread(lambda: list(make_steps(runnable, skeleton, None, current_store())))

    async def run_trial(trial: Node, name: str, pruning: Pruning | None) -> RunnableResult:
        given = config_of(trial, installed, **options, pruning=pruning)
        return await runnable.schedule(given, label=f"{label} {name}".strip())

    return await run_search(tree, config.options, run_trial, key=step.key.digest)


def search_of(
    call: Call, installed: Sequence[Installed], *, allow: Sequence[str], folder: Path, requires: Requirements
) -> SearchConfig:
    """The search that a document says: `!Search {runnable: ..., algorithm: ...}`.

    Args:
        call: of `Search`.
        installed: the extensions that it uses.
        allow: what may be named beside our own names and the extensions.
        folder: where relative names of scripts begin.
        requires: what a trial needs, if the document does not say it.

    Raises:
        ConfigError: it cannot be made.
    """
    activate(installed)
    check_calls(call, [*(one.module for one in installed), *allow])
    given = inspect.signature(Search).bind(*call.positional, **call.arguments).arguments
    searched = given.pop("runnable")
    for name in given:
        place = call.places.get(name, call.place)
        if name in ("allow", "extensions"):
            raise refusal(place, f"{name} is said outside of the document: as an option of the command.")
        for space in spaces(given[name]).values():
            raise refusal(space.place, f"!{space.tag} in {name!r}: only `runnable` can have search spaces.")
    values = {name: to_json(value) for name, value in given.items()}
    try:
        needs = load(Requirements, values.pop("requires")) if "requires" in values else requires
        options = load(SearchOptions, values)
    except ConfigError as error:
        raise refusal(call.place, str(error)) from error
    return _config(searched, options, installed, tuple(allow), folder, needs)


def _config(
    searched: Any,
    options: SearchOptions,
    installed: Sequence[Installed],
    allow: tuple[str, ...],
    folder: Path,
    requires: Requirements,
) -> SearchConfig:
    if not isinstance(searched, Call):
        raise ConfigError(
            f"A {type(searched).__qualname__} cannot be searched over. Give what is to be built as `runnable`: a "
            "!NAME with its arguments in a document, a Call in Python."
        )
    modules = [*(one.module for one in installed), *allow]
    activate(installed)
    check_search(searched, options)
    if options.budget is not None:
        check_calls(options.budget.given(searched, options.budget.min), modules)
    check_calls(searched, modules)
    _check_methods(searched, modules)
    check_files(searched, folder.absolute())
    return SearchConfig(to_json(searched), options, dumps(installed), allow, str(folder.absolute()), requires)


def _check_methods(call: Call, modules: Sequence[str]) -> None:
    found = find(call.target, modules)
    if isinstance(found, type):
        for name, use in (("run", "run"), ("metric", "search by")):
            if not hasattr(found, name):
                raise refusal(call.place, f"!{call.target} has no method {name}(), so there is nothing to {use}.")
