"""Installed extensions on the path: of this process, and of those that it starts."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orepass.errors import ConfigError
from orepass.extensions.distributions import environment_path, unmet
from orepass.extensions.finding import check_not_elsewhere, is_in
from orepass.extensions.places import packages_of
from orepass.extensions.record import Record


@dataclass(frozen=True)
class Installed:
    """An extension that is installed; can be pickled, and sent as JSON with `dumps`.

    Attributes:
        module: its top-level module.
        source: where it is from, with the version or commit.
        folder: where it is; on a file system that all machines share, if others shall use it.
        own: the local folder that it is from, whose modules may be found in its place; None for others.
    """

    module: str
    source: str
    folder: Path
    own: Path | None = None

    @property
    def packages(self) -> Path:
        """What goes onto the path."""
        return packages_of(self.folder)


def activate(installed: Iterable[Installed]) -> None:
    """Let this process import extensions. Doing it again changes nothing.

    They come last on the path, so nothing that the environment has is hidden by what they brought.

    Raises:
        ConfigError: one is not on this machine, or another module of its name is found first or is imported already.
    """
    for one in installed:
        if not one.packages.is_dir():
            raise ConfigError(
                f"Extension {one.module}: {one.folder} is not on this machine. Let $OREPASS_EXTENSIONS name a folder "
                "that all machines share."
            )
        own = [one.folder] if one.own is None else [one.folder, one.own]
        check_not_elsewhere(one.module, own, sys.path)
        _check_not_imported(one, own)
        if str(one.packages) not in sys.path:
            sys.path.append(str(one.packages))
    importlib.invalidate_caches()


def sources_of(installed: Iterable[Installed]) -> dict[str, str]:
    """Where extensions are from, with the version or commit, by module."""
    return {one.module: one.source for one in installed}


def as_variables(installed: Iterable[Installed]) -> dict[str, str]:
    """Environment variables with which a process that is started can import extensions, whatever it runs: `PYTHONPATH`.

    What the variable has in this process stays, and comes first.
    """
    there = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    added = [str(one.packages) for one in installed if str(one.packages) not in there]
    return {"PYTHONPATH": os.pathsep.join([*there, *added])} if there or added else {}


def dumps(installed: Iterable[Installed]) -> str:
    """Installed extensions as JSON."""
    return json.dumps([asdict(one) for one in installed], default=str)


def loads(text: str) -> tuple[Installed, ...]:
    """Read what `dumps` wrote."""
    return tuple(
        Installed(one["module"], one["source"], Path(one["folder"]), None if one["own"] is None else Path(one["own"]))
        for one in json.loads(text)
    )


def check_together(installed: Sequence[Installed]) -> None:
    """Refuse extensions of which one does not get what it requires, because another brought another version.

    Raises:
        ConfigError: they do not go together.
    """
    environment = environment_path()
    path = [*environment, *(str(one.packages) for one in installed)]
    roots = [record.root(one.folder) for one in installed if (record := Record.read(one.folder)) is not None]
    if lacking := unmet(roots, path, environment):
        listed = "; ".join(f"{by} requires {wanted}" for by, wanted in lacking)
        raise ConfigError(
            f"The extensions {', '.join(one.module for one in installed)} do not go together in one process: {listed}, "
            "and another version comes first. Change what they require, or use them one at a time."
        )


def _check_not_imported(one: Installed, own: Sequence[Path]) -> None:
    file = getattr(sys.modules.get(one.module), "__file__", None)
    if file is not None and not is_in(Path(file), own):
        raise ConfigError(
            f"Extension {one.module}: {file} is imported already, and is not it. Start a new process (in a notebook, "
            "restart the kernel)."
        )
