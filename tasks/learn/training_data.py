"""Sentence pairs as numbers: words, their n-grams, and batches to train on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orepass.tasks.text.encoders.ngrams import Numbers, hash_ngrams, words_of
from orepass.tasks.text.folding import fold

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """Lists of numbers of different lengths.

    Attributes:
        values: one list behind the other, shape (sum of lengths,).
        offsets: where each starts, and where the last ends, shape (n + 1,).
    """

    values: Ints
    offsets: Ints

    @classmethod
    def of(cls, lists: Iterable[list[int]]) -> Ragged:
        """Make one out of lists."""
        numbers: list[int] = []
        offsets = [0]
        for items in lists:
            numbers.extend(items)
            offsets.append(len(numbers))
        return cls(np.array(numbers, np.int64), np.array(offsets, np.int64))

    def __getitem__(self, rows: Ints) -> Ragged:
        """Some of the lists, in the order of their numbers."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        shift = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return Ragged(self.values[shift + np.arange(offsets[-1])], offsets)

    def where(self, keep: NDArray[np.bool_]) -> Ragged:
        """Only the values for which `keep`, of shape (sum of lengths,), is true."""
        return Ragged(self.values[keep], np.concatenate([[0], np.cumsum(keep)])[self.offsets])

    def followed_by(self, other: Ragged) -> Ragged:
        """These lists, then the other ones."""
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Ragged(np.concatenate([self.values, other.values]), offsets)


@dataclass(frozen=True)
class TrainingData:
    """Sentence pairs as numbers.

    Attributes:
        keys: the hashes of the n-grams that are kept, the most frequent first, shape (ngrams,).
        ngrams: for each word the rows of `keys`.
        sources: for each pair the words of the source sentence.
        targets: likewise of the target sentence.
        same_source: pairs with the same number here have the same source, by `fold`.
        same_target: likewise.
        origin: pairs with the same number here come from the same package and language.
    """

    keys: NDArray[np.uint32]
    ngrams: Ragged
    sources: Ragged
    targets: Ragged
    same_source: Ints
    same_target: Ints
    origin: Ints


def number_pairs(pairs: Iterable[Sequence[str]], ngrams: int) -> TrainingData:
    """Turn sentence pairs into numbers.

    Args:
        pairs: package, language, source, target.
        ngrams: how many n-grams are kept: those that come most often, and of equally frequent ones those with the
            lowest hash.
    """
    words, origins, source_folds, target_folds = Numbers(), Numbers(), Numbers(), Numbers()
    columns: tuple[list[list[int]], ...] = ([], [])
    numbers: list[tuple[int, int, int]] = []
    for package, language, source, target in pairs:
        for column, sentence in zip(columns, (source, target), strict=True):
            column.append([words[word] for word in words_of(sentence)])
        numbers.append((source_folds[fold(source)], target_folds[fold(target)], origins[f"{package} {language}"]))
    sources, targets = (Ragged.of(column) for column in columns)
    frequency = np.bincount(np.concatenate([sources.values, targets.values]), minlength=len(words))
    keys, table = _most_frequent(list(words), frequency, ngrams)
    same_source, same_target, origin = np.array(numbers, np.int64).T
    return TrainingData(keys, table, sources, targets, same_source, same_target, origin)


def _most_frequent(words: list[str], frequency: Ints, ngrams: int) -> tuple[NDArray[np.uint32], Ragged]:
    hashes, starts = hash_ngrams(words)
    offsets = np.append(starts, len(hashes))
    distinct, which = np.unique(hashes, return_inverse=True)
    count = np.bincount(which, weights=np.repeat(frequency, np.diff(offsets)))
    kept = np.argsort(-count, kind="stable")[:ngrams]
    row = np.full(len(distinct), -1, np.int64)
    row[kept] = np.arange(len(kept))
    rows = Ragged(row[which], offsets)
    return distinct[kept], rows.where(rows.values >= 0)


def batches(origin: Ints, size: int, group: int, rng: np.random.Generator) -> Iterator[Ints]:
    """All pairs once, in batches made of groups of pairs from the same package and language.

    A sentence's own program says the most similar things to it: these are the negatives worth learning from, and the
    ones that mining one program's messages has to tell apart.

    Args:
        origin: see `TrainingData`.
        size: pairs a batch; what is left over at the end is dropped.
        group: pairs a group; 1 to mix all.
        rng: shuffles.

    Yields:
        The numbers of `size` pairs.
    """
    order = rng.permutation(len(origin))
    order = order[np.argsort(origin[order], kind="stable")]
    borders = np.flatnonzero(np.diff(origin[order])) + 1
    groups = [run[i : i + group] for run in np.split(order, borders) for i in range(0, len(run), group)]
    mixed = np.concatenate([groups[i] for i in rng.permutation(len(groups))])
    for start in range(0, len(mixed) - size + 1, size):
        yield mixed[start : start + size]


class Batches:
    """`batches` for a data loader, in another order in each epoch."""

    def __init__(self, origin: Ints, size: int, group: int, seed: int) -> None:
        """Take what `batches` takes.

        Args:
            origin: see `TrainingData`.
            size: pairs a batch.
            group: pairs a group.
            seed: decides, with the number of the epoch, the order.
        """
        self._origin = origin
        self._size = size
        self._group = group
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._origin) // self._size

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self._seed, self._epoch])
        for batch in batches(self._origin, self._size, self._group, rng):
            yield batch.tolist()
