"""A folder of checkpoints, each of which is there as a whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from orepass.atomic import sync

_NAME = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: where they are; made when the first one is written.
        keep: how many of the newest stay.
    """

    folder: Path
    keep: int

    def of(self, step: int) -> Path:
        """The place of a step's checkpoint, whether it is there or not."""
        return self.folder / f"checkpoint-{step}"

    def newest(self) -> Path | None:
        """The newest checkpoint; None if there is none."""
        steps = self._steps()
        return self.of(steps[-1]) if steps else None

    def unfinished(self, step: int) -> Path:
        """Where a checkpoint is written before it gets its name."""
        return self.folder / f".checkpoint-{step}.unfinished"

    def begin(self, step: int) -> Path:
        """Make an empty folder to write a checkpoint in."""
        folder = self.unfinished(step)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def commit(self, step: int) -> None:
        """Force what was written to the disk and give it its name."""
        folder = self.unfinished(step)
        for path in (*folder.rglob("*"), folder):
            sync(path)
        os.rename(folder, self.of(step))
        sync(self.folder)

    def prune(self, best_step: int) -> None:
        """Remove all but the newest and that of the best step, and what a killed process left."""
        for step in self._steps()[: -self.keep]:
            if step != best_step:
                # Under another name first, so that a process that is killed here leaves no half of a checkpoint.
                os.rename(self.of(step), self.folder / f".checkpoint-{step}.removed")
        for left in self.folder.glob(".checkpoint-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _steps(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return sorted(int(found[1]) for name in os.listdir(self.folder) if (found := _NAME.fullmatch(name)))
