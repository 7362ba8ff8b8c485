"""The history of a training: losses and metrics as JSON lines."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import orjson

NAME = "history.jsonl"


@dataclass(frozen=True)
class History:
    """A file of JSON lines that only one process writes.

    Attributes:
        folder: where it is.
        writes: whether this process is that one.
    """

    folder: Path
    writes: bool

    def add(self, line: dict[str, float]) -> None:
        """Write a line; nan and infinities become null."""
        if self.writes:
            with open(self.folder / NAME, "ab") as file:
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def keep_in(self, checkpoint: Path) -> None:
        """Put a copy beside the weights."""
        if self.writes:
            (self.folder / NAME).touch()
            shutil.copyfile(self.folder / NAME, checkpoint / NAME)

    def go_back_to(self, checkpoint: Path | None) -> None:
        """Forget all that came after a checkpoint, or everything."""
        if not self.writes:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if checkpoint is None:
            (self.folder / NAME).unlink(missing_ok=True)
        else:
            shutil.copyfile(checkpoint / NAME, self.folder / NAME)
