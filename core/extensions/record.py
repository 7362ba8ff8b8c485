"""What is installed, as it is written beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution
from pathlib import Path

from orepass.atomic import write_atomically
from orepass.extensions.distributions import differing, environment_path, find, unmet
from orepass.extensions.places import packages_of, record_of


@dataclass(frozen=True)
class Record:
    """An installed extension.

    Attributes:
        module: its top-level module.
        source: where it is from, with the version or commit.
        package: its package's name.
        extras: of the package, those that were asked for.
        packages: the versions of all packages in the folder.
    """

    module: str
    source: str
    package: str
    extras: tuple[str, ...]
    packages: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write it into an extension's folder."""
        write_atomically(record_of(folder), json.dumps(asdict(self), indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """Read it from an extension's folder; None if there is none."""
        try:
            document = json.loads(record_of(folder).read_bytes())
            return cls(**document | {"extras": tuple(document["extras"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def root(self, folder: Path) -> tuple[Distribution, tuple[str, ...]]:
        """The extension's own package, and the extras that are wanted of it.

        Raises:
            LookupError: it is not there.
        """
        found = find(self.package, [str(packages_of(folder))])
        if found is None:
            raise LookupError(self.package)
        return found, self.extras

    def misfits(self, folder: Path) -> list[str]:
        """Why this installation does not go with this environment; empty if it does."""
        environment, packages = environment_path(), packages_of(folder)
        try:
            root = self.root(folder)
        except LookupError:
            return [f"{self.package} is not there"]
        lacking = unmet([root], [*environment, str(packages)], environment)
        return [f"{wanted}, for {by}" for by, wanted in lacking] + differing(packages, environment, self.package)
