"""The words of sentences and the hashed n-grams of words, for many at a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

SIZES = (3, 4, 5)
"""Lengths of the character n-grams, in characters, with one mark before and one behind the word."""

_WORD = re.compile(r"[^\W_]{1,64}")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


class Numbers(dict[str, int]):
    """Numbers strings from 0 on, in the order in which they are first asked for."""

    def __missing__(self, key: str) -> int:
        """Give the next number."""
        return self.setdefault(key, len(self))


def words_of(sentence: str) -> list[str]:
    """The words and numbers of a sentence in order, after NFKC and case folding."""
    if sentence.isascii():
        return _WORD.findall(sentence.lower())
    return _WORD.findall(unicodedata.normalize("NFKC", sentence).casefold())


def hash_ngrams(words: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Hash every word and all its character n-grams, with marks for its ends.

    An n-gram of characters c is `mix(sum(c_i * M^(n-i)))` over 64 bits, cut to the upper 32; a whole word longer
    than the n-grams is its xxh3. Everything is integer arithmetic: the same on every machine.

    Args:
        words: distinct or not, none empty.

    Returns:
        The hashes of all words, one word behind the other, shape (h,), and the position of each word's first
        hash, shape (len(words),).
    """
    lengths = np.fromiter(map(len, words), np.int64, len(words)) + 2
    codes = np.frombuffer("".join(f"<{word}>" for word in words).encode("utf-32-le", "surrogatepass"), np.uint32)
    codes = codes.astype(np.uint64)
    starts = np.cumsum(lengths) - lengths
    left = np.repeat(starts + lengths, lengths) - np.arange(len(codes))  # characters to the end of the word
    owner = np.repeat(np.arange(len(words)), lengths)
    encoded = (word.encode("utf-8", "surrogatepass") for word in words)
    whole = np.fromiter(map(xxhash.xxh3_64_intdigest, encoded), np.uint64, len(words))
    hashes, owners = [whole >> _HALF], [np.arange(len(words))]
    rolling = np.zeros_like(codes)
    for size in range(1, max(SIZES) + 1):
        rolling = rolling[: len(codes) - size + 1] * _MULTIPLIER + codes[size - 1 :]
        if size in SIZES:
            inside = left[: len(rolling)] >= size
            hashes.append(_mixed(rolling[inside] + np.uint64(size)))
            owners.append(owner[: len(rolling)][inside])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=len(words))
    return np.concatenate(hashes)[order].astype(np.uint32), np.cumsum(counts) - counts


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> _HALF)) * _MIX
    return (values ^ (values >> _HALF)) * _MIX >> _HALF
