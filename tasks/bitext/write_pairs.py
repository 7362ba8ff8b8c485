"""The step that writes mined pairs as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orepass import module, workdir
from orepass.config import Config
from orepass.errors import InputError
from orepass.tasks.text.lines import lines_at, one_line, read_lines, write_tsv


@dataclass(frozen=True)
class WritePairsConfig(Config):
    """What is written.

    Attributes:
        pairs: the mined pairs, `MinedPairs.pairs`.
        src_text: the text shards of the source side, in the order of their embeddings.
        tgt_text: the text shards of the target side.
    """

    pairs: Path
    src_text: tuple[Path, ...]
    tgt_text: tuple[Path, ...]


@module(version="1")
def write_pairs(config: WritePairsConfig) -> Path:
    """Write the pairs as a TSV file `score<TAB>source<TAB>target` without quoting, in the order of the pairs.

    Tabs and line separators inside a sentence become spaces, see `one_line`. A score has as many digits as tell
    it from every other float32. Main memory holds the sentences of the pairs.

    Returns:
        The file `pairs.tsv`.

    Raises:
        InputError: text that cannot be read, or has fewer lines than the pairs have rows.
    """
    pairs = np.load(config.pairs, mmap_mode="r")
    src = lines_at(config.src_text, pairs["src"].tolist())
    tgt = lines_at(config.tgt_text, pairs["tgt"].tolist())
    path = workdir() / "pairs.tsv"
    rows = zip(pairs["score"], pairs["src"].tolist(), pairs["tgt"].tolist(), strict=True)
    write_tsv(path, ((str(score), src[src_row], tgt[tgt_row]) for score, src_row, tgt_row in rows))
    return path


def read_pairs(path: Path) -> Iterator[tuple[float, str, str]]:
    """The pairs of a file that `write_pairs` wrote: score, source, target. An empty file has none.

    Raises:
        InputError: a line of another form; names file and line.
    """
    if path.exists() and path.stat().st_size == 0:
        return
    for number, line in enumerate(read_lines(path), start=1):
        try:
            score, src, tgt = line.split("\t")
            yield float(score), src, tgt
        except ValueError:
            raise InputError(
                f"{str(path)!r}, line {number}: not score<TAB>source<TAB>target. Give a file of write_pairs."
            ) from None


def read_gold(path: Path) -> Iterator[tuple[str, str]]:
    """Known pairs, `source<TAB>target` a line, in the form in which `write_pairs` writes sentences.

    Raises:
        InputError: the file cannot be read or is empty, or a line has another form; names file and line.
    """
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split("\t")
        if len(fields) != 2:
            raise InputError(
                f"{str(path)!r}, line {number}: {len(fields)} fields. Gold pairs are source<TAB>target, one a "
                "line, with no other tab."
            )
        yield one_line(fields[0]), one_line(fields[1])
