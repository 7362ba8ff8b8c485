"""Files in which processes tell one another which results they are concerned with, for as long as they live.

The first line is the process's `Owner`, every other one a `module/key`. The process touches its files with the
heartbeat of claims; files of dead processes are not read, and `Store.sweep` removes them.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orepass.claims import Owner, heart, lives


@dataclass
class Notice:
    """A file of this process.

    Attributes:
        folder: where it is; made if it is not there.
        path: the file.
    """

    folder: Path
    path: Path = field(init=False)
    _names: set[str] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self.path = self.folder / uuid.uuid4().hex

    def add(self, names: Collection[str]) -> None:
        """Write the names that are not in it yet, all in one go.

        Raises:
            OSError: it cannot be written.
        """
        new = [name for name in names if name not in self._names]
        if not new:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with open(self.path, "ab") as file:
                if file.tell() == 0:  # it is new, or somebody has removed it
                    file.write(Owner.this_process().dumps())
                    new = [*self._names, *new]
                file.write("\n".join(["", *new, ""]).encode())  # what came before may have got stuck on a full disk
        except OSError:
            if not self._names:
                self.withdraw()
            raise
        self._names.update(new)
        heart.remember(self.path)

    def withdraw(self) -> None:
        """Remove it."""
        heart.forget(self.path)
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Read:
    """What a file said when it was read."""

    path: Path
    owner: Owner
    names: frozenset[str]


def read_living(folder: Path) -> Iterator[Read]:
    """Read the files in a folder whose processes live; one that is being written as far as it goes.

    Raises:
        OSError: one of them cannot be read.
    """
    try:
        found = os.listdir(folder)
    except FileNotFoundError:
        return
    for path in (folder / name for name in found if not name.startswith(".")):
        try:
            first, *names = path.read_text(errors="replace").split("\n")
        except FileNotFoundError:
            continue
        owner = Owner.loads(first.encode())
        if owner is not None and lives(owner, path):
            yield Read(path, owner, frozenset(names))


def author_of(path: Path) -> Owner | None:
    """Whose file it is; None if that is not written there yet.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return Owner.loads(file.readline())
