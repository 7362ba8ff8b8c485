"""The sentences of mined pairs, kept on disk: pairs come in order of score, which is no order of the text."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from orepass import workdir
from orepass.errors import InputError
from orepass.tasks.bitext.vectors import Ids
from orepass.tasks.text.lines import read_batches


class MinedText:
    """Some sentences of a text, by their rows."""

    def __init__(self, rows: Ids, ends: Ids, text: mmap.mmap) -> None:
        """Args: (r,) rows in order, (r + 1,) where in the UTF-8 text the sentence of each begins and the last ends."""
        self._rows, self._ends, self._text = rows, ends, text

    def at(self, rows: Ids) -> list[str]:
        """The sentences at rows of those that it was made for."""
        place = np.searchsorted(self._rows, rows)
        edges = zip(self._ends[place].tolist(), self._ends[place + 1].tolist(), strict=True)
        return [self._text[start:stop].decode() for start, stop in edges]


@contextmanager
def mined_text(paths: Sequence[Path], rows: Ids) -> Iterator[MinedText]:
    """Copy the sentences at some rows to a temporary file in the working folder; memory holds two numbers for each.

    Args:
        paths: text files, in the order in which their lines are numbered.
        rows: line numbers from 0 over all files; repeats are fine.

    Raises:
        InputError: a file cannot be read, or the files together have too few lines.
    """
    marked = np.zeros(rows.max(initial=-1) + 1, np.bool_)  # much faster than sorting
    marked[rows] = True
    wanted = np.flatnonzero(marked)
    with tempfile.TemporaryFile(dir=workdir()) as file:
        ends = _copy(paths, wanted, file)
        file.write(b"\n")  # an empty file cannot be mapped
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            yield MinedText(wanted, ends, text)


def _copy(paths: Sequence[Path], wanted: Ids, file: BinaryIO) -> Ids:
    lengths = np.zeros(len(wanted) + 1, np.int64)
    done = seen = 0
    for batch in chain.from_iterable(map(read_batches, paths)):
        if done == len(wanted):
            break
        stop = int(np.searchsorted(wanted, seen + len(batch)))
        found = [batch[line].encode() for line in (wanted[done:stop] - seen).tolist()]
        lengths[done + 1 : stop + 1] = [len(line) for line in found]
        file.writelines(found)
        done, seen = stop, seen + len(batch)
    if done < len(wanted):
        names = ", ".join(repr(str(path)) for path in paths)
        raise InputError(
            f"Row {wanted[-1]} was asked for, but there are only {seen} lines in {names}. "
            "Give the text shards that the embeddings were made from, all of them and in the same order."
        )
    return np.cumsum(lengths, out=lengths)
