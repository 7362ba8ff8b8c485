"""The launcher of a flow for which nobody chose one in code: the environment says it, as deployments can."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from importlib import resources
from typing import Any, cast

import orjson
from omegaconf import OmegaConf
from prefect.blocks.core import Block
from prefect.task_runners import TaskRunner

from orepass.blocks.launchers import LAUNCHERS, Launcher, launcher_type, make_launcher
from orepass.errors import ConfigError

ENVIRONMENT_VARIABLE = "OREPASS_LAUNCHER"
_BLOCK = "block:"


class DefaultTaskRunner(TaskRunner[Any]):
    """Stands in a flow's definition for the task runner of `default_launcher()`, which is asked for when a run begins.

    So importing a flow reads no environment and no block, and a flow that is given another task runner ignores both.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def duplicate(self) -> TaskRunner[Any]:  # type: ignore[override]
        """What a run gets."""
        return default_launcher().task_runner()

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Never called: runs have the task runner that `duplicate` gives."""
        raise NotImplementedError


def default_launcher() -> Launcher:
    """The launcher that `$OREPASS_LAUNCHER` says, `local` without it.

    It is a launcher's short name, and options where they differ from `conf/launcher/NAME.yaml`, in the words of the
    command line; or a saved launcher block by its type and name:

        OREPASS_LAUNCHER="slurm partition=cpu max_jobs=4"
        OREPASS_LAUNCHER="block:orepass-slurm-launcher/cluster"

    Raises:
        ConfigError: there is no such launcher, option or block.
    """
    text = os.environ.get(ENVIRONMENT_VARIABLE, "").strip() or "local"
    try:
        return _saved(text.removeprefix(_BLOCK)) if text.startswith(_BLOCK) else _made(text)
    except ConfigError as error:
        raise ConfigError(f"{ENVIRONMENT_VARIABLE}={text!r} cannot be used. {error}") from None


def as_text(launcher: Mapping[str, Any]) -> str:
    """A launcher as `$OREPASS_LAUNCHER` says it.

    Args:
        launcher: `name` and options.
    """
    options = (f"{key}={orjson.dumps(value).decode()}" for key, value in launcher.items() if key != "name")
    return shlex.join([str(launcher["name"]), *options])


def _made(text: str) -> Launcher:
    try:
        name, *words = shlex.split(text)
        defaults = _configured(name) if name in LAUNCHERS else {}
        # What is given here is final: a `$` in it is a `$`.
        given = OmegaConf.to_container(OmegaConf.merge(defaults, OmegaConf.from_dotlist(words)), resolve=False)
    except Exception as error:  # shlex's, OmegaConf's, and those of the YAML parser that OmegaConf uses
        raise ConfigError(f"Expected a launcher's name and options as key=value: {error}") from error
    return make_launcher(**{**cast(dict[str, Any], given), "name": name})


def _configured(name: str) -> Any:
    file = resources.files("orepass.conf") / "launcher" / f"{name}.yaml"
    return OmegaConf.to_container(OmegaConf.create(file.read_text()), resolve=True)


def _saved(name: str) -> Launcher:
    for launcher in LAUNCHERS:
        launcher_type(launcher)  # Prefect knows the types that are imported
    try:
        # A run begins in an event loop, where this would be a coroutine.
        block = Block.load(name, _sync=True)  # type: ignore[call-arg]
    except ValueError as error:
        raise ConfigError(
            f"No block {name!r} is saved ({error}). The name is TYPE/NAME, as `prefect block ls` lists it."
        ) from error
    if not isinstance(block, Launcher):
        raise ConfigError(f"The block {name} is a {type(block).__name__}, not a launcher.")
    return block
