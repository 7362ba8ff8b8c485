"""Known pairs, and texts as numbers to compare them by.

A text stands for itself in the form in which `write_pairs` writes it, as 64 bits of xxh3, so that no corpus has to be
in memory. That two different texts have one number is not to be expected below a billion sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from orepass.errors import InputError
from orepass.tasks.text.lines import one_line, one_lines, read_batches, read_lines

Keys = NDArray[np.uint64]

_ODD = np.uint64(0x9E3779B97F4A7C15)


def read_gold(path: Path) -> Keys:
    """Different known pairs of a file, `source<TAB>target` a line: (g, 2), sorted.

    Raises:
        InputError: the file cannot be read or is empty, or a line has another form; names file and line.
    """
    return np.unique(_keys(chain.from_iterable(_pairs(path))).reshape(-1, 2), axis=0)


def text_keys(paths: Sequence[Path]) -> Keys:
    """The keys of all sentences of some text files, one after the other: (n,).

    Raises:
        InputError: a file cannot be read.
    """
    return np.concatenate([_keys(one_lines(lines)) for path in paths for lines in read_batches(path)])


def pair_keys(src: Keys, tgt: Keys) -> Keys:
    """One key for each pair of two texts, (n,) and (n,) to (n,); it is another one for the pair turned round."""
    return src * _ODD + tgt


def _keys(texts: Iterable[str]) -> Keys:
    return np.fromiter(map(xxhash.xxh3_64_intdigest, map(str.encode, texts)), np.uint64)


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split("\t")
        if len(fields) != 2:
            raise InputError(
                f"{str(path)!r}, line {number}: {len(fields)} fields. Gold pairs are source<TAB>target, one a "
                "line, with no other tab."
            )
        yield one_line(fields[0]), one_line(fields[1])
