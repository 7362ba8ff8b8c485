"""Commands of users: what there is to say of one, what stands for it in a key, and the app that it runs as."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from orepass import Requirements
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.runner import default_scheduler, get_runner
from orepass.specs import AppDef, Resource, Role, macros

INPUT, OUTPUT = "{input}", "{output}"
"""Words of a command, or parts of them, that stand for files; without them it reads stdin and writes stdout."""

_LANG = "{lang}"


def _refuse_no_words(value: Any) -> Any:
    """Say what to write where a command is no list of texts; all else is pydantic's."""
    for words in value.values() if isinstance(value, Mapping) else [value]:
        if isinstance(words, str):
            raise ValueError(f"{words!r} is one text. Give the words of the command as a list: {words.split()}.")
        for word in words if isinstance(words, Sequence) else ():
            if not isinstance(word, str):
                raise ValueError(f"the word {word!r} is no text. Put it in quotes: {str(word)!r}.")
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_refuse_no_words)]
"""A command."""

WordsByLanguage = Annotated[tuple[str, ...] | Mapping[str, tuple[str, ...]], BeforeValidator(_refuse_no_words)]
"""A command, or one for each language."""


@dataclass(frozen=True)
class CommandOptions(Config):
    """What there is to say of a command besides its words.

    Attributes:
        files: files and folders whose content decides what it does, such as a model; they count for the cache.
            Files that are words of the command count anyway.
        env: environment variables, which count for the cache, too.
        image: the folder that it runs in, where relative names begin; the flow's working directory, if not given.
        num_cpu: cores for one run of it.
        num_gpu: graphics processors for one run.
        mem_gb: memory for one run, in GiB.
        scheduler: what it runs on: `local`, in the step, or another scheduler of apps whose machines see the files of
            this one; None for `$OREPASS_SCHEDULER`, or `local`.
        scheduler_options: the scheduler's own.
        timeout_min: minutes after which it is cancelled; None for no limit.
    """

    files: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    image: str = field(default_factory=os.getcwd)
    num_cpu: int = 1
    num_gpu: int = 0
    mem_gb: float = 2.0
    scheduler: str | None = None
    scheduler_options: Mapping[str, Any] = field(default_factory=dict)
    timeout_min: float | None = None

    def __post_init__(self) -> None:
        self.requirements()

    def __repr__(self) -> str:
        """Only what is set, so that help and logs stay readable."""
        usual = vars(CommandOptions())
        told = [f"{name}={value!r}" for name, value in vars(self).items() if value != usual[name]]
        return f"CommandOptions({', '.join(told)})"

    def requirements(self) -> Requirements:
        """What a step needs that runs the command; one that only waits for another scheduler needs little."""
        if (self.scheduler or default_scheduler()) == "local":
            return Requirements(self.num_cpu, self.num_gpu, self.mem_gb, self.timeout_min)
        return Requirements(timeout_min=self.timeout_min)

    def place(self, name: str | Path) -> Path:
        """Where a file is."""
        return Path(self.image).expanduser().absolute() / Path(name).expanduser()


def for_language(words: Sequence[str], lang: str) -> tuple[str, ...]:
    """A command with `{lang}` filled in."""
    return tuple(word.replace(_LANG, lang) for word in words)


def identity(words: Sequence[str], options: CommandOptions) -> tuple[Path | str, ...]:
    """What stands in a cache key for a command: paths for their content, words for themselves.

    A word that is an existing file counts by its name and its content, wherever it is.
    """
    parts: list[Path | str] = []
    for word in words:
        path = options.place(word)
        # The name, because some programs do by it what they do.
        parts += [f"file {path.name}", path] if os.path.isfile(path) else [f"word {word}"]
    parts += [f"env {name}={value}" for name, value in sorted(options.env.items())]
    if not options.place("").is_dir():
        parts.append(f"image {options.image}")
    return (*parts, *map(options.place, options.files))


def check_command(words: Sequence[str], options: CommandOptions) -> None:
    """See whether a command can run, before anything does.

    Raises:
        ConfigError: there are no words, no such program, no such scheduler, or it has no such option.
    """
    get_runner().dryrun(make_app("command", words, options), options.scheduler, options.scheduler_options)


def make_app(
    name: str, words: Sequence[str], options: CommandOptions, files: tuple[Path, Path] | None = None
) -> AppDef:
    """The app that a command runs as: one role, one replica.

    Args:
        name: the app's name.
        words: the command.
        options: how it runs.
        files: its input and its output; None for an app that is only looked at.

    Raises:
        ConfigError: there are no words.
    """
    if not words:
        raise ConfigError("The command is empty. Give its words as a list, such as [python, clean.py].")
    program = options.place(words[0])
    command = [str(program) if os.path.isfile(program) else words[0], *words[1:]]
    if files is not None:
        command = _with_files(command, *files)
    role = Role(
        name="command",
        image=options.image,
        entrypoint=command[0],
        args=list(map(macros.literal, command[1:])),
        env={variable: macros.literal(value) for variable, value in options.env.items()},
        resource=Resource(options.num_cpu, options.num_gpu, int(options.mem_gb * 1024)),
    )
    return AppDef(name, [role])


def _with_files(words: list[str], source: Path, target: Path) -> list[str]:
    """A command with its files filled in, and in a shell that redirects what has no place in it."""
    filled = [word.replace(INPUT, str(source)).replace(OUTPUT, str(target)) for word in words]
    script = 'exec "$@"'
    if not any(INPUT in word for word in words):
        script += f" <{shlex.quote(str(source))}"
    if not any(OUTPUT in word for word in words):
        script += f" >{shlex.quote(str(target))}"
    return filled if script == 'exec "$@"' else ["/bin/sh", "-c", script, "sh", *filled]
