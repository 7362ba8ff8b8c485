from __future__ import annotations

from pathlib import Path

import numpy as np

from orepass.tasks.text.encoders.hashed import sum_rows
from orepass.tasks.text.encoders.ngrams import hash_ngrams, words_of
from orepass.tasks.text.encoders.weights import MAX_SCALE, load_weights, pack


def test_packed_vectors_are_nearly_what_was_packed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(500, 64)) * rng.gamma(1.0, size=(500, 1))).astype(np.float32)
    vectors[7] = 0
    keys = rng.permutation(10_000)[:500].astype(np.uint32)
    pack(keys, vectors).save(tmp_path)
    loaded = load_weights(tmp_path)
    assert loaded.dim == 64
    np.testing.assert_array_equal(loaded.keys, np.sort(keys))
    assert loaded.scales.max() <= MAX_SCALE
    unpacked = loaded.unpack().astype(np.float64)
    wanted = vectors[np.argsort(keys)].astype(np.float64)
    some = wanted.any(axis=1)
    assert not unpacked[~some].any()
    lengths = np.linalg.norm(unpacked[some], axis=1) * np.linalg.norm(wanted[some], axis=1)
    assert ((unpacked[some] * wanted[some]).sum(axis=1) / lengths).min() > 0.98
    # One factor for all: how long vectors are next to each other weighs the n-grams.
    factors = np.linalg.norm(unpacked[some], axis=1) / np.linalg.norm(wanted[some], axis=1)
    large = np.linalg.norm(wanted[some], axis=1) > 1
    assert factors[large].std() < 0.05 * factors[large].mean()


def test_words() -> None:
    assert words_of("Don't _open_ ﬁle-2 ÉTÉ!") == ["don", "t", "open", "file", "2", "été"]
    assert words_of("…") == []


def test_ngrams_of_words() -> None:
    hashes, starts = hash_ngrams(["ab", "été", "abc"])
    # <ab>: the word, two 3-grams, one 4-gram; <été> and <abc>: the word, three, two and one.
    assert starts.tolist() == [0, 4, 11]
    assert len(hashes) == 18
    assert hash_ngrams(["été"])[0].tolist() == hashes[4:11].tolist()
    assert set(hashes[:4]) & set(hashes[11:])  # <ab is in both
    assert not set(hashes[4:11]) & set(hashes[11:])


def test_sum_rows_is_a_sum_of_rows() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(-100, 100, (50, 8)).astype(np.int16)
    counts = rng.integers(0, 9, 1500)
    rows = rng.integers(0, 50, counts.sum())
    parts = np.split(rows, np.cumsum(counts)[:-1])
    wanted = np.array([table[part].sum(axis=0, dtype=np.int64) for part in parts])
    np.testing.assert_array_equal(sum_rows(table, rows, counts, np.int32), wanted)
    assert sum_rows(table, rows[:0], counts[:0], np.int64).shape == (0, 8)
