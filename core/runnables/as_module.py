"""The module `runnable`: a runnable as a step, cached by what it is built of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orepass.config import Config
from orepass.errors import ConfigError, ResultError
from orepass.extensions import Installed, activate, dumps, loads, sources_of
from orepass.modules import module
from orepass.requirements import Requirements
from orepass.run_environment import set_env, told_resources
from orepass.runnables.building import build, check_calls
from orepass.runnables.exporting import Exporter, Exports
from orepass.runnables.following import follow
from orepass.runnables.json_form import from_json, to_json
from orepass.runnables.runnable import run_to_end
from orepass.runnables.script import is_file_name
from orepass.runnables.search_pruning import Pruning
from orepass.runnables.search_spaces import Space
from orepass.runnables.tree import Call, Node, parts_of, refusal
from orepass.runnables.walking import spaces, walk
from orepass.step_folder import workdir, working_in

_SCRIPT = "Script"
_OUTPUT, _STATES = "output", "states"


@dataclass(frozen=True)
class RunnableConfig(Config):
    """A runnable, and what it is made of.

    Attributes:
        tree: what is built, as `to_json` gives it.
        files: files and folders whose content decides the result, too: those that a Script names.
        identities: of the extensions: what tells one state of one from another, by module.
        extensions: where they are, as `orepass.extensions.dumps` gives it.
        allow: what may be named beside our own names and the extensions.
        folder: where relative names of scripts begin.
        requires: what a run needs.
        resources: files and folders that the run was told of with `orepass.set_env`, by name.
        links: what its links mean, if it is a stage of an experiment, as `supplied` gives it.
        pruning: when it ends early, if it is a trial of a search that decides this between steps.
    """

    tree: Mapping[str, Any]
    files: tuple[Path, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)
    extensions: str = "[]"
    allow: tuple[str, ...] = ()
    folder: str = ""
    requires: Requirements = field(default_factory=Requirements)
    resources: Mapping[str, Path] = field(default_factory=dict)
    links: Mapping[str, Any] = field(default_factory=dict)
    pruning: Pruning | None = None


@dataclass(frozen=True)
class RunnableResult:
    """What came of a run.

    Attributes:
        folder: what `orepass.workdir()` was to it, with what it wrote there.
        steps: how often `run` was called.
        metric: how good it is, higher is better; None if it has no `metric`.
        exports: what other stages of an experiment can take from it.
        pruned: whether it was ended early.
    """

    folder: Path
    steps: int
    metric: float | None
    exports: Exports = field(default_factory=Exports)
    pruned: bool = False


def config_of(
    tree: Node,
    installed: Sequence[Installed] = (),
    *,
    allow: Sequence[str] = (),
    folder: Path | None = None,
    requires: Requirements | None = None,
    links: Mapping[str, Any] | None = None,
    pruning: Pruning | None = None,
) -> RunnableConfig:
    """The configuration of a runnable.

    Args:
        tree: what is built.
        installed: the extensions that it uses.
        allow: what may be named beside our own names and the extensions.
        folder: where relative names of scripts begin; the working directory, if not given.
        requires: what a run needs; a core and 2 GiB, if not given.
        links: what its links mean, as `supplied` gives it.
        pruning: when it ends early.

    Raises:
        ConfigError: it cannot be built, there is a search space in it, or a file that it names is not there.
    """
    activate(installed)
    check_calls(tree, [*(one.module for one in installed), *allow])
    for path, space in spaces(tree).items():
        raise ConfigError(f"{space.place}: !{space.tag} at {path!r} is a search space, but this is no Search.")
    folder = (folder or Path()).absolute()
    check_files(tree, folder)
    named = (_path(folder, name) for _, _, name in _named_files(tree))
    return RunnableConfig(
        tree=to_json(tree),
        files=tuple(path for path in named if path.exists()),
        identities={one.module: one.folder.name for one in installed},
        extensions=dumps(installed),
        allow=tuple(allow),
        folder=str(folder),
        requires=requires or Requirements(),
        resources=told_resources(),
        links=links or {},
        pruning=pruning,
    )


def check_files(tree: Node, folder: Path) -> None:
    """See that the scripts of a tree are there, and the files that they say decide what they do.

    Args:
        tree: may have search spaces and links in it.
        folder: where relative names begin.

    Raises:
        ConfigError: one is not there; says where it is named.
    """
    for call, argument, name in _named_files(tree):
        path = _path(folder, name)
        if not path.exists() and (argument != "script" or is_file_name(name)):
            what = "script" if argument == "script" else "file or folder"
            place = call.places.get(argument, call.place)
            raise refusal(place, f"There is no {what} {name!r} (looked for at {path}). Check the path.")


def _what_decides(config: RunnableConfig) -> Mapping[str, Any]:
    own = {"tree": config.tree, "files": config.files, "extensions": config.identities}
    others = {"resources": config.resources, "links": config.links}
    if config.pruning is not None:
        # The study says what the others are that it is compared with; what was decided once stays.
        others["pruning"] = {"study": config.pruning.study, "rungs": config.pruning.rungs}
    return own | {name: value for name, value in others.items() if value}


@module(requires=lambda config: config.requires, config_for_cache=_what_decides)
def runnable(config: RunnableConfig) -> RunnableResult:
    """Build a runnable and run it to its end."""
    installed = loads(config.extensions)
    activate(installed)
    modules = [*(one.module for one in installed), *config.allow]
    tree = from_json(_placed(config.tree, Path(config.folder)))
    sent = _placed(config.links, Path(config.folder))
    folder = workdir() / _OUTPUT
    folder.mkdir()
    set_env(extensions=sources_of(installed), resources=dict(config.resources), output=folder)
    with working_in(folder):
        built = build(tree, modules, follow(tree, sent, modules))
        exporter = Exporter(built)
        pruned = False

        def ends(steps: int) -> bool:
            nonlocal pruned
            pruned = config.pruning is not None and config.pruning.ends(steps, _metric(built.root))
            return pruned

        steps = run_to_end(built.root, ends)
        metric = _metric(built.root)
    return RunnableResult(folder, steps, metric, exporter.exports(workdir() / _STATES), pruned)


def _metric(built: Any) -> float | None:
    metric = getattr(built, "metric", None)
    if not callable(metric):
        return None
    value = metric()
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ResultError(f"{type(built).__qualname__}.metric() gave {value!r}, which is no number.") from None


def _named_files(tree: Node) -> Iterator[tuple[Call, str, str]]:
    """The scripts of a tree, and the files that they say decide what they do: by whom and as what they are named."""
    for call in _scripts(tree):
        script = call.arguments.get("script", call.positional[0] if call.positional else None)
        files = call.arguments.get("files", ())
        named = (("script", script), *(("files", file) for file in (files if isinstance(files, tuple) else ())))
        for argument, node in named:
            for name in parts_of(node).values() if isinstance(node, Space) else (node,):
                if isinstance(name, str):
                    yield call, argument, name


def _scripts(tree: Node) -> Iterator[Call]:
    return (node for _, node in walk(tree) if isinstance(node, Call) and node.target == _SCRIPT)


def _placed(document: Any, folder: Path) -> Any:
    """The JSON form with whole paths of scripts: a worker may have another working directory."""
    if isinstance(document, list):
        return [_placed(member, folder) for member in document]
    if not isinstance(document, Mapping):
        return document
    parts = {key: _placed(value, folder) for key, value in document.items()}
    if parts.get("_target_") == _SCRIPT:
        if parts.get("_args_"):
            parts["_args_"][0] = _place(parts["_args_"][0], folder)
        elif "script" in parts:
            parts["script"] = _place(parts["script"], folder)
    return parts


def _place(script: Any, folder: Path) -> Any:
    return str(_path(folder, script)) if isinstance(script, str) and _path(folder, script).is_file() else script


def _path(folder: Path, name: str) -> Path:
    return folder / Path(name).expanduser()
