"""Where extensions are installed; the only place that knows the tree.

<root>/<digest>/extension.json   the record
<root>/<digest>/packages/        what goes onto the path
<root>/.partial/<digest>.<id>/   an installation in progress
<root>/.claims/<digest>/         who is at it
"""

from __future__ import annotations

import hashlib
import os
import sysconfig
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

ENVIRONMENT_VARIABLE = "OREPASS_EXTENSIONS"
_DEFAULT = "~/.orepass/extensions"


@dataclass(frozen=True)
class Place:
    """Where one state of one extension is installed for one kind of Python."""

    root: Path
    digest: str

    @property
    def folder(self) -> Path:
        """All of it; there if and only if the installation is whole."""
        return self.root / self.digest

    @property
    def packages(self) -> Path:
        """What goes onto the path."""
        return packages_of(self.folder)

    @property
    def record(self) -> Path:
        """What is installed, as JSON."""
        return record_of(self.folder)

    def new_partial(self) -> Path:
        """A fresh name for an installation in progress: what a killed one started may still be writing."""
        return self.root / ".partial" / f"{self.digest}.{uuid.uuid4().hex}"

    def partials(self) -> list[Path]:
        """The installations in progress, and what killed ones left."""
        return list(self.root.glob(f".partial/{self.digest}.*"))

    @property
    def claim(self) -> Path:
        """Held by who installs."""
        return self.root / ".claims" / self.digest


def extensions_root() -> Path:
    """Below which extensions are installed: `$OREPASS_EXTENSIONS`, else in the user's home."""
    return Path(os.path.realpath(Path(os.environ.get(ENVIRONMENT_VARIABLE) or _DEFAULT).expanduser()))


def is_inside(place: str) -> bool:
    """Whether an entry of the path is one of an extension."""
    return bool(place) and Path(os.path.realpath(place)).is_relative_to(extensions_root())


def places(module: str, identity: str) -> Iterator[Place]:
    """Where an extension may be, the first choice first.

    What is installed beside it depends on what the environment lacks, so two environments that share a home may need
    one each.
    """
    python = sysconfig.get_config_var("EXT_SUFFIX")  # names the interpreter, its version and the platform
    for variant in count():
        text = "\0".join(["1", module, identity, str(python), str(variant)])
        yield Place(extensions_root(), hashlib.blake2b(text.encode(), digest_size=16).hexdigest())


def packages_of(folder: Path) -> Path:
    """What goes onto the path, in an extension's folder."""
    return folder / "packages"


def record_of(folder: Path) -> Path:
    """What is installed, in an extension's folder."""
    return folder / "extension.json"
