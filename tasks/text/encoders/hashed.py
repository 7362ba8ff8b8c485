"""Sentences as bags of hashed word and character n-gram embeddings.

The vector of a word is the sum of the vectors of the word itself and of its character n-grams (Bojanowski et al.,
"Enriching Word Vectors with Subword Information", TACL 2017), that of a sentence the normalised sum of its
words' (Wieting et al., "Charagram", EMNLP 2016), trained as a dual encoder; see `tasks/learn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from orepass.errors import ConfigError
from orepass.tasks.text.encoders._base import EncoderConfig
from orepass.tasks.text.encoders.ngrams import Numbers, hash_ngrams, words_of
from orepass.tasks.text.encoders.weights import Weights, load_weights

Int = TypeVar("Int", bound=np.signedinteger[Any])

BUNDLED = Path(__file__).parent / "bundled"

_BATCH = 16384
_RUNS = 512  # sums that are worked on at a time: they stay in the processor's cache


def load(config: EncoderConfig, lang: str) -> HashedEncoder:
    """See `Kind`; one table serves all languages."""
    return HashedEncoder(load_weights(folder_of(config)))


def weights(config: EncoderConfig, lang: str) -> tuple[Path, ...]:
    """See `Kind`."""
    return tuple(folder_of(config) / f"{name}.npy" for name in ("keys", "scales", "codes"))


def folder_of(config: EncoderConfig) -> Path:
    """The folder of the weights of the encoder `bundled` or `hashed`.

    Raises:
        ConfigError: a `model` that is missing or not wanted, or options that are for neural encoders.
    """
    if (config.device, config.dtype, config.processes) != ("auto", "float32", 1):
        raise ConfigError(
            f"The encoder {config.name!r} sums integers, in one process and on a CPU. Leave device, dtype and "
            "processes as they are, or choose another encoder."
        )
    if config.name == "bundled":
        if config.model is not None:
            raise ConfigError(
                f"the encoder 'bundled' takes no model, got {str(config.model)!r}. "
                "Set name=hashed to use other weights."
            )
        return BUNDLED
    if config.model is None:
        raise ConfigError(f"the encoder {config.name!r} needs model=<the folder of its weights>.")
    return Path(config.model)


class HashedEncoder:
    """Encodes with an integer vector for each n-gram that was worth keeping; other n-grams count nothing.

    All sums are sums of integers and therefore exact: no order of summation, batch, thread count or processor
    changes a bit of the result. A word's vector is computed once a batch, however often the word comes.

    Attributes:
        dim: the width of a row.
        tolerance: 0.
    """

    tolerance = 0.0

    def __init__(self, weights: Weights) -> None:
        """Unpack the weights.

        Args:
            weights: the n-grams and their vectors.
        """
        self.dim = weights.dim
        self._keys = np.asarray(weights.keys)
        self._table = weights.unpack()

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences; see `Encoder`."""
        rows = np.zeros((len(sentences), self.dim), np.float32)
        for start in range(0, len(sentences), _BATCH):
            self._encode_into(rows[start : start + _BATCH], sentences[start : start + _BATCH])
        return rows

    def _encode_into(self, rows: NDArray[np.float32], sentences: Sequence[str]) -> None:
        number = Numbers()
        words = [words_of(sentence) for sentence in sentences]
        counts = np.fromiter(map(len, words), np.int64, len(words))
        tokens = np.fromiter(map(number.__getitem__, chain.from_iterable(words)), np.int64, counts.sum())
        if not len(tokens):
            return
        sums = sum_rows(self._word_vectors(list(number)), tokens, counts, np.int64).astype(np.float64)
        lengths = np.sqrt(np.square(sums).sum(axis=1))
        np.divide(sums, np.where(lengths > 0, lengths, 1)[:, None], out=rows, casting="same_kind")

    def _word_vectors(self, words: list[str]) -> NDArray[np.int32]:
        hashes, starts = hash_ngrams(words)
        place = np.minimum(np.searchsorted(self._keys, hashes), len(self._keys) - 1)
        known = self._keys[place] == hashes
        return sum_rows(self._table, place[known], np.add.reduceat(known, starts, dtype=np.int64), np.int32)


def sum_rows(table: NDArray[Any], rows: NDArray[np.int64], counts: NDArray[np.int64], dtype: type[Int]) -> NDArray[Int]:
    """Sum runs of rows of a table.

    What `np.add.reduceat(table[rows], ...)` gives, ten times as fast: the j-th row of every run that has one is
    added at once.

    Args:
        table: integers, shape (n, dim).
        rows: row numbers of the table, run behind run, shape (sum(counts),).
        counts: the length of each run, shape (m,); 0 gives zeros.
        dtype: an integer type that holds the sums.

    Returns:
        shape (m, dim).
    """
    sums = np.zeros((len(counts), table.shape[1]), dtype)
    order = np.argsort(-counts, kind="stable")
    starts = np.cumsum(counts) - counts
    for first in range(0, len(order), _RUNS):
        runs = order[first : first + _RUNS]
        length, start = counts[runs], starts[runs]
        block = np.zeros((len(runs), table.shape[1]), dtype)
        # The runs are in order of length: the first longer[j] have a j-th row.
        longer = np.searchsorted(-length, -np.arange(length[0]))
        for j, n in enumerate(longer):
            block[:n] += table[rows[start[:n] + j]]
        sums[runs] = block
    return sums
