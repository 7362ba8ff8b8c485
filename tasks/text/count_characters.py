"""The step that counts the characters of sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from orepass import module, workdir
from orepass.tasks.text.lines import read_batches


@module(version="1")
def count_characters(config: None, element: Path) -> Path:
    """Count the Unicode code points of each line of a text file: `.npy`, int32 (lines,)."""
    path = workdir() / "characters.npy"
    np.save(path, np.concatenate([np.fromiter(map(len, lines), np.int32) for lines in read_batches(element)]))
    return path
