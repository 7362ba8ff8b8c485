"""Extensions from a folder of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from orepass.digest import combine, digest_path
from orepass.errors import ConfigError, InputError
from orepass.extensions.sources import Resolved, check_project

# Neither part of what the folder is, nor copied to where it is built.
_LEFT_OUT = (
    *("__pycache__", "*.pyc", "*.egg-info", ".git", ".hg", ".svn", ".DS_Store", ".ipynb_checkpoints"),
    *(".venv", ".tox", ".nox", ".idea", ".vscode", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
)
# A package below may well have such a name.
_LEFT_OUT_AT_THE_TOP = ("build", "dist", "venv")


@dataclass(frozen=True)
class FolderSource:
    """A folder with a `pyproject.toml` or a `setup.py`; its files are its identity, its place is not."""

    folder: Path

    def resolve(self) -> Resolved:
        """Digest the files."""
        check_project(self.folder, str(self.folder))
        digest = _digest(self.folder)
        return Resolved(str(self.folder), f"folder {digest}", partial(_copy, self.folder, digest), own=self.folder)


def _copy(source: Path, digest: str, target: Path) -> str:
    """Building writes into the folder that is built, and takes what earlier builds left there: so it gets a copy."""
    for name in _files(source):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, target / name)
    if _digest(target) != digest:
        raise ConfigError(f"{source} was changed while it was being installed. Start again.")
    return str(target)


def _digest(folder: Path) -> str:
    try:
        return combine({name: digest_path(folder / name) for name in _files(folder)})
    except (InputError, OSError) as error:
        raise ConfigError(f"Cannot read the extension in {folder}: {error}") from error


def _files(folder: Path, inside: str = "", above: tuple[str, ...] = ()) -> Iterator[str]:
    """The files of an extension as paths relative to its folder, linked ones too."""
    here = os.path.realpath(folder / inside)
    if here in above:
        raise InputError(f"{here} is linked from a folder in itself. Remove the link.")
    left_out = _LEFT_OUT if inside else (*_LEFT_OUT, *_LEFT_OUT_AT_THE_TOP)
    for name in os.listdir(here):
        if any(fnmatch(name, pattern) for pattern in left_out):
            continue
        path = f"{inside}{name}"
        if (folder / path).is_dir():
            yield from _files(folder, f"{path}/", (*above, here))
        elif (folder / path).is_file():
            yield path
