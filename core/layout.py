"""The store's folder tree; the only place that knows it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

RECORD = "record.json"
LOG = "log.txt"


@dataclass(frozen=True)
class Entry:
    """One result in the store: the folder `<root>/<module>/<key>`."""

    root: Path
    module: str
    key: str

    @cached_property
    def folder(self) -> Path:
        """Where the record and the outputs are."""
        return Path(self.root, self.module, self.key)

    @property
    def record(self) -> Path:
        """Who made it, of what, when; written last, so where it is, the result is whole."""
        return self.folder / RECORD

    @property
    def claim(self) -> Path:
        """Where a run that computes this result says so."""
        return self.root / ".claims" / self.module / self.key

    @property
    def failure(self) -> Path:
        """The log of the last run that failed to compute it."""
        return self.root / ".failed" / self.module / f"{self.key}.log"

    @property
    def checkpoints(self) -> Path:
        """What a run that computes this result goes on from if it is killed."""
        return self.root / ".checkpoints" / self.module / self.key

    @property
    def name(self) -> str:
        """`module/key`, as people and Prefect's result storage call it."""
        return f"{self.module}/{self.key}"


@dataclass(frozen=True)
class Layout:
    """The tree below a store's root."""

    root: Path

    def entry(self, module: str, key: str) -> Entry:
        """The place of one result."""
        return Entry(self.root, module, key)

    def module(self, module: str) -> Path:
        """The folder of all results of a module."""
        return self.root / module

    def new_partial(self) -> Path:
        """A fresh name for the folder of a run in progress."""
        return self.partials / uuid.uuid4().hex

    @property
    def partials(self) -> Path:
        """Runs in progress, and what killed runs left."""
        return self.root / ".partial"

    @property
    def checkpoints(self) -> Path:
        """What runs go on from that were killed."""
        return self.root / ".checkpoints"

    @property
    def claims(self) -> Path:
        """Who computes which result right now."""
        return self.root / ".claims"

    @property
    def in_use(self) -> Path:
        """Which results runs in progress need; see `orepass.in_use`."""
        return self.root / ".in-use"

    @property
    def pruning(self) -> Path:
        """Which results are being removed right now; see `orepass.in_use`."""
        return self.root / ".pruning"

    @property
    def set_aside(self) -> Path:
        """Results that did not pass a check when they were to be used."""
        return self.root / ".set-aside"

    @property
    def digests(self) -> Path:
        """Digests of large input files, remembered."""
        return self.root / ".digests"

    @property
    def jobs(self) -> Path:
        """Logs and certificates of the cluster jobs that flows started, by flow run."""
        return self.root / ".jobs"

    @property
    def searches(self) -> Path:
        """Journals of searches: which values were drawn; see `orepass.runnables.search_study`."""
        return self.root / ".searches"

    @property
    def prefect(self) -> Path:
        """What Prefect persists for tasks that are not modules."""
        return self.root / ".prefect"

    def locate(self, path: Path) -> tuple[Entry, str] | None:
        """The result that a path belongs to and the path's place in it; None for a path outside of all results."""
        try:
            parts = path.relative_to(self.root).parts
        except ValueError:
            return None
        if len(parts) < 2 or parts[0].startswith("."):
            return None
        return self.entry(parts[0], parts[1]), "/".join(parts[2:])
