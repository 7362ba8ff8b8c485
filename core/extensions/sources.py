"""What every source of an extension can do; the kinds are in `folder_source`, `github_source` and `package_source`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orepass.errors import ConfigError


@dataclass(frozen=True)
class Resolved:
    """One state of a source, which is what gets installed.

    Attributes:
        shown: the state for people and records, such as a requirement with its version or an address with its commit.
        identity: text that is the same for the same state and differs for others.
        fetch: given a folder that it may make, where to put what it has to get, returns what pip is to install.
        pin: what to declare so that this state stays; None where what is declared says it already.
        own: a place whose modules are this extension, if they are found in the environment; None if there is none.
    """

    shown: str
    identity: str
    fetch: Callable[[Path], str]
    pin: str | None = None
    own: Path | None = None


class Source(Protocol):
    """Where an extension comes from."""

    def resolve(self) -> Resolved:
        """Find out what it is now; this may ask a package index or a git repository.

        Raises:
            ConfigError: there is no such thing.
        """
        ...


def check_project(folder: Path, where: str) -> None:
    """Refuse a folder that pip cannot install.

    Args:
        folder: the folder.
        where: how people know it.

    Raises:
        ConfigError: it is missing, or has neither a `pyproject.toml` nor a `setup.py`.
    """
    if not folder.exists():
        raise ConfigError(f"There is no folder {where}. Check the path.")
    if not folder.is_dir():
        raise ConfigError(f"{where} is not a folder. Give the folder that has the extension's pyproject.toml in it.")
    if not any((folder / name).is_file() for name in ("pyproject.toml", "setup.py")):
        inside = sorted(found.parent for name in ("pyproject.toml", "setup.py") for found in folder.glob(f"*/{name}"))
        hint = f" Do you mean {inside[0].name!r} in it?" if inside else ""
        raise ConfigError(f"{where} has neither a pyproject.toml nor a setup.py, so pip cannot install it.{hint}")
