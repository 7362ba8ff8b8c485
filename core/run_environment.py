"""What code may ask about the run that it is part of: `get_env`, on every machine and in every process of it.

All of it is in one environment variable, so whatever a process starts knows it, too; to a process that is there already
it is sent with `to_variables`.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.hosts import find_hosts
from orepass.provenance import git_commit, packages

ENVIRONMENT_VARIABLE = "OREPASS_ENVIRONMENT"
# What was said to the step that runs in this thread: others may run in other threads of the process.
_of_step: ContextVar[str | None] = ContextVar("orepass_environment_of_step", default=None)
# What people train and search with; the rest of `packages` is what this library needs.
_OPTIONAL_PACKAGES = ("accelerate", "lightning", "optuna", "torch")


@dataclass(frozen=True)
class Environment:
    """The environment of a run.

    Attributes:
        extensions: where each extension's module is from, with its version or commit.
        resources: the files and folders that the run needs, by name; absolute paths.
        hosts: the IP addresses of the machines that it runs on.
        output: the folder for what the run writes; None if it has none.
        versions: of Python, this library and what it works with, where the run was started.
        commit: the git commit of the folder that the run was started in, with `-dirty` if there are changes on top of
            it; None outside of a repository.

    Raises:
        ConfigError: a value of another type.
    """

    extensions: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Path] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    output: Path | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None

    def __post_init__(self) -> None:
        for name, convert in _CONVERSIONS.items():
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, convert(value))
            except (TypeError, ValueError, AttributeError):
                raise ConfigError(f"The environment's {name} cannot be {value!r}. {_EXPECTED[name]}") from None


def get_env(**changes: Any) -> Environment:
    """The environment of the run that this process is part of.

    Args:
        changes: values that the returned one has in place of the run's; the run's stay.

    Raises:
        ConfigError: there is no such name, or the value has another type.
    """
    _check_names(changes)
    told = _told()
    known = {name: told[name] if name in told else find() for name, find in _FOUND.items()}
    return replace(Environment(**told | known), **changes)


def set_env(env: Environment | None = None, **changes: Any) -> None:
    """Change the environment, for this process and for what it starts from now on.

    Args:
        env: all of it; without, what is not in `changes` stays.
        changes: single values.

    Raises:
        ConfigError: there is no such name, the value has another type, or there is no such resource.
    """
    _check_names(changes)
    changed = replace(get_env() if env is None else env, **changes)
    if "resources" in changes:
        _check_resources(changed.resources)
    # Unless it was said which, the hosts of a process are those of the job that it finds itself in.
    named = env is not None or "hosts" in changes or "hosts" in _told()
    text = _dumps(changed, named)
    os.environ[ENVIRONMENT_VARIABLE] = text
    if _of_step.get() is not None:
        _of_step.set(text)


def told_resources() -> Mapping[str, Path]:
    """The resources that the run was told of; as `get_env().resources`, but without looking for anything else."""
    return _paths(_told().get("resources", {}))


def tell_resources(resources: Mapping[str, Path]) -> None:
    """Tell the run of its resources, if it has any."""
    if resources:
        set_env(resources=resources)


def tell_extensions(sources: Mapping[str, str]) -> None:
    """Tell the run where its extensions are from, if it has any."""
    if sources:
        set_env(extensions=sources)


def to_variables() -> dict[str, str]:
    """The environment as environment variables, for processes that this one did not start."""
    return {ENVIRONMENT_VARIABLE: _dumps(get_env(), "hosts" in _told())}


def sent_along() -> dict[str, str]:
    """What goes to a worker with each step: what was said about the run with `set_env`, if anything was."""
    said = _said()
    return {ENVIRONMENT_VARIABLE: said} if said else {}


@contextlib.contextmanager
def taken_over(variables: Mapping[str, str]) -> Iterator[None]:
    """Let a process be part of the run that a step came from, and afterwards of what it was part of before."""
    token = _of_step.set(variables.get(ENVIRONMENT_VARIABLE, _said() or ""))
    _outside.leave(variables)
    try:
        yield
    finally:
        _outside.come_back()
        _of_step.reset(token)


class _Outside:
    """The environment variables of a process outside of its steps, of which several may run at a time, in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._before: dict[str, str | None] = {}

    def leave(self, variables: Mapping[str, str]) -> None:
        with self._lock:
            self._running += 1
            for name in {ENVIRONMENT_VARIABLE, *variables}:
                self._before.setdefault(name, os.environ.get(name))
            os.environ.update(variables)

    def come_back(self) -> None:
        with self._lock:
            self._running -= 1
            while not self._running and self._before:
                name, value = self._before.popitem()
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


_outside = _Outside()


def _said() -> str | None:
    said = _of_step.get()
    return os.environ.get(ENVIRONMENT_VARIABLE) if said is None else said


def _dumps(env: Environment, with_hosts: bool) -> str:
    document = asdict(env)
    if not with_hosts:
        del document["hosts"]
    return json.dumps(document, default=str)


def _told() -> dict[str, Any]:
    """What was said about the run, here or where it was started."""
    text = _said()
    try:
        told = json.loads(text) if text else {}
        _check_names(told)
    except ValueError as error:
        raise ConfigError(f"${ENVIRONMENT_VARIABLE} is not what set_env wrote: {error} Unset it.") from None
    return dict(told)


def _check_names(given: Iterable[str]) -> None:
    valid = [one.name for one in fields(Environment)]
    for name in given:
        if name not in valid:
            raise ConfigError(f"The environment has no {name!r}. {did_you_mean(name, valid)}")


def _check_resources(resources: Mapping[str, Path]) -> None:
    for name, path in resources.items():
        if not path.exists():
            raise ConfigError(f"There is no file or folder {path}, which is to be the resource {name!r}.")


def _versions() -> dict[str, str]:
    found = dict(packages())
    for name in _OPTIONAL_PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _commit() -> str | None:
    commit = git_commit(Path.cwd())
    return None if commit is None else commit.replace("+", "-dirty")


def _texts(value: Mapping[str, str]) -> dict[str, str]:
    if not all(isinstance(one, str) for both in value.items() for one in both):
        raise TypeError
    return dict(value)


def _paths(value: Mapping[str, str | Path]) -> dict[str, Path]:
    return {name: _path(path) for name, path in _texts({name: os.fspath(path) for name, path in value.items()}).items()}


def _path(value: str | Path) -> Path:
    return Path(value).expanduser().absolute()


def _addresses(value: Collection[str]) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise TypeError
    return tuple(value)


def _commit_name(value: str | None) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value


_FOUND: dict[str, Callable[[], Any]] = {"hosts": find_hosts, "versions": _versions, "commit": _commit}
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "extensions": _texts,
    "resources": _paths,
    "hosts": _addresses,
    "output": lambda value: None if value is None else _path(value),
    "versions": _texts,
    "commit": _commit_name,
}
_EXPECTED = {
    "extensions": "Give a mapping from modules to where they are from, as text.",
    "resources": "Give a mapping from names to paths.",
    "hosts": "Give a list of addresses, as text.",
    "output": "Give a path.",
    "versions": "Give a mapping from packages to versions, as text.",
    "commit": "Give a text.",
}
