"""`Script`: a program of the user's, unchanged, as a runnable."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orepass.errors import AppError, ConfigError
from orepass.run_environment import sent_along
from orepass.step_folder import CHECKPOINTS_VARIABLE, checkpoint_folder, workdir


class Script:
    """Runs a Python program in a process of its own, with its own `sys.argv`.

        Script("train.py", args=["data.tsv"], kwargs={"lr": 0.1, "verbose": True}, output_dir_arg="output-dir")

    runs `python train.py data.tsv --lr 0.1 --verbose --output-dir FOLDER`. The folder is the step's: what the program
    writes there is the result. In a flow the environment variable `OREPASS_CHECKPOINTS` names a second folder, in which
    the program finds what it wrote there before it was killed (`orepass.checkpoint_folder`).

    Args:
        script: a file, or the dotted name of a module, as for `python -m`.
        args: arguments by position.
        kwargs: arguments by name, without dashes: `True` is the name alone, `False` and None are nothing, a list is the
            name and several words, all else is the name and a word. A name that ends in `=` is one word with its value,
            as Hydra wants it: `lr=` gives `lr=0.1`, and true, false, null and lists are written as in JSON.
        output_dir_arg: the name of the argument that gets the folder; it gets none, if not given.
        metric_fn: gets the folder and gives the metric, higher is better. Without it the metric is the number that the
            program writes as `metric` into `metrics.json` in the folder, if it does.
        env: environment variables besides those of this process.
        files: files and folders whose content decides what the program does, such as data that it reads. They count
            for the cache, as the program itself does, where the script is cached.
    """

    def __init__(
        self,
        script: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        output_dir_arg: str | None = None,
        metric_fn: Callable[[Path], float] | None = None,
        env: Mapping[str, str] | None = None,
        files: Sequence[str] = (),
    ) -> None:
        if isinstance(args, str):
            raise ConfigError(f"args={args!r} is a text. Give a list of arguments.")
        self.script = script
        self.args = list(args)
        self.kwargs = dict(kwargs or {})
        self.output_dir_arg = output_dir_arg
        self.metric_fn = metric_fn
        self.env = dict(env or {})
        self.files = list(files)
        self.folder: Path | None = None

    def command(self, folder: Path) -> list[str]:
        """The program and its arguments.

        Args:
            folder: what `output_dir_arg` gets.

        Raises:
            ConfigError: there is no such file.
        """
        words = [*map(str, self.args)]
        for name, value in self.kwargs.items():
            words += _option(name, value)
        if self.output_dir_arg is not None:
            words += _option(self.output_dir_arg, folder)
        return [sys.executable, *_program(self.script), *words]

    def run(self) -> None:
        """Run the program to its end; what it prints goes where this process prints.

        Raises:
            AppError: it ended with another exit code than 0.
        """
        self.folder = workdir()
        command = self.command(self.folder)
        variables = sent_along()
        if (checkpoints := checkpoint_folder()) is not None:
            variables[CHECKPOINTS_VARIABLE] = str(checkpoints)
        ended = subprocess.run(command, env={**os.environ, **variables, **self.env}, stdin=subprocess.DEVNULL)
        if ended.returncode:
            raise AppError(f"The script `{shlex.join(command)}` ended with exit code {ended.returncode}.")

    def metric(self) -> float | None:
        """What `metric_fn` gives, else the `metric` of `metrics.json`; None if there is neither, or before `run`."""
        if self.folder is None:
            return None
        if self.metric_fn is not None:
            return float(self.metric_fn(self.folder))
        try:
            found = json.loads((self.folder / "metrics.json").read_text())["metric"]
        except (FileNotFoundError, KeyError):
            return None
        return float(found)


def is_file_name(script: str) -> bool:
    """Whether a script can only be meant as a file, not as a module."""
    return "/" in script or script.endswith(".py")


def _program(script: str) -> list[str]:
    path = Path(script).expanduser()
    if path.is_file():
        return [str(path)]
    if is_file_name(script):
        raise ConfigError(f"There is no script {script!r} (looked for at {path.absolute()}).")
    return ["-m", script]


def _option(name: str, value: Any) -> list[str]:
    """A named argument; one letter has one dash."""
    if name.endswith("="):
        is_word = isinstance(value, (str, Path))
        return [name + (str(value) if is_word else json.dumps(value, default=str, ensure_ascii=False))]
    option = name if name.startswith("-") else f"-{name}" if len(name) == 1 else f"--{name}"
    if value is None or value is False:
        return []
    if value is True:
        return [option]
    if isinstance(value, (list, tuple)):
        return [option, *map(str, value)]
    return [option, str(value)]
