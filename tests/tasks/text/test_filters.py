from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from orepass.errors import ConfigError
from orepass.tasks.text import duplicates
from orepass.tasks.text.duplicates import (
    CountedText,
    DuplicatesConfig,
    count_duplicates,
    drop_duplicates,
    hash_lines,
)
from orepass.tasks.text.filter_language import LanguageConfig, filter_language
from orepass.tasks.text.filter_lengths import LengthsConfig, filter_lengths
from orepass.tasks.text.prepared import PreparedText
from orepass.tasks.text.read_text import ReadTextConfig, TextFile, read_text
from orepass.tasks.text.tables import Columns

from .conftest import Prepare, content


def deduplicated(parts: tuple[PreparedText, ...]) -> list[PreparedText]:
    counts = count_duplicates(DuplicatesConfig(tuple(hash_lines(None, part.text) for part in parts)))
    return [drop_duplicates(None, CountedText(*pair)) for pair in zip(parts, counts, strict=True)]


@pytest.mark.parametrize("shard_lines", [None, 7, 100])
@pytest.mark.parametrize("at_once", [1 << 23, 50])
def test_the_first_of_each_sentence_stays_with_its_count(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, shard_lines: int | None, at_once: int
) -> None:
    monkeypatch.setattr(duplicates, "_AT_ONCE", at_once)
    numbers = np.random.default_rng(0).zipf(1.5, 300) % 1000
    lines = [f"sentence {number}" for number in numbers] + ["", "", "Sentence 1"]
    kept, rows, carried = content(*deduplicated(prepare(lines, shard_lines)))
    assert kept == list(dict.fromkeys(lines))
    assert dict(zip(kept, carried["count"], strict=True)) == Counter(lines)
    if shard_lines is None:
        assert rows == [lines.index(line) for line in kept]


def test_hashes_that_have_a_half_in_common_are_told_apart(tmp_path: Path) -> None:
    hashes = [(1, 5), (1, 6), (1, 5), (2, 5), (1, 6), (1, 5)]
    np.save(tmp_path / "hashes.npy", np.array(hashes, np.uint64))
    (counts,) = count_duplicates(DuplicatesConfig((tmp_path / "hashes.npy",)))
    assert np.load(counts).tolist() == [3, 2, 0, 1, 0, 0]


def test_a_shard_of_repeats_is_left_without_lines(prepare: Prepare) -> None:
    first, second = deduplicated(prepare(["a", "b", "b", "a"], 2))
    assert (first.lines, second.lines) == (2, 0)
    assert content(first) == (["a", "b"], [0, 1], {"count": [2, 2]})


def test_other_columns_stay_beside_the_count(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("x\t1\ny\t2\nx\t3\nz\t4\n")
    parts = read_text(ReadTextConfig(Columns(1, 2)), TextFile(tmp_path / "a.tsv", "tsv"))
    assert content(*deduplicated(parts)) == (["x", "y", "z"], [0, 1, 3], {"id": ["1", "2", "4"], "count": [2, 1, 1]})


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (LengthsConfig(), [0, 1, 2, 3]),
        (LengthsConfig(min_chars=2), [2, 3]),
        (LengthsConfig(min_chars=1, max_chars=5), [1, 2]),
        (LengthsConfig(min_words=2), [2, 3]),
        (LengthsConfig(max_words=2), [0, 1, 2]),
        (LengthsConfig(max_chars=5, min_words=1), [1, 2]),
    ],
)
def test_lengths(prepare: Prepare, config: LengthsConfig, kept: list[int]) -> None:
    lines = ["", "x", "ab cd", "one  two three"]
    (part,) = prepare(lines)
    assert content(filter_lengths(config, part)) == ([lines[row] for row in kept], kept, {})


def need_lingua() -> None:
    pytest.importorskip("lingua", reason="lingua is not installed; it comes with the extra langid")


def test_language(prepare: Prepare) -> None:
    need_lingua()
    lines = [
        "The weather will be fine in the whole country tomorrow.",
        "Morgen wird das Wetter im ganzen Land schön.",
        "Demain, il fera beau dans tout le pays.",
        "12345",
    ]
    (part,) = prepare(lines)
    for row, lang in enumerate(("en", "deu_Latn", "fr")):
        kept = filter_language(LanguageConfig(lang, 0.6, ("en", "de", "fr")), part)
        assert content(kept) == ([lines[row]], [row], {})


def test_another_language_that_lingua_does_not_know_is_left_out(
    prepare: Prepare, caplog: pytest.LogCaptureFixture
) -> None:
    need_lingua()
    lines = ["The weather will be fine in the whole country tomorrow.", "Morgen wird das Wetter im ganzen Land schön."]
    (part,) = prepare(lines)
    kept = filter_language(LanguageConfig("en", 0.6, ("ayr_Latn", "de", "en")), part)
    assert content(kept) == (lines[:1], [0], {})
    assert caplog.messages == ["lingua does not know 'ayr_Latn', which is left out of the languages to tell apart"]


@pytest.mark.parametrize(
    ("lang", "among", "message"),
    [
        ("xy", ("en", "fr"), r"'xy' cannot be filtered: lingua does not know it. Take min_confidence .* Valid: .*en, "),
        ("enk_Latn", ("en", "fr"), r"'enk_Latn' cannot be .* or give another code. Did you mean 'eng'\? Valid: afr"),
        ("en", ("xy",), "Only 'en' is among the languages to tell apart"),
        ("en", ("eng",), "Only 'en' is among the languages to tell apart. Name others in filters.languages"),
    ],
)
def test_languages_that_cannot_be_told(prepare: Prepare, lang: str, among: tuple[str, ...], message: str) -> None:
    need_lingua()
    (part,) = prepare(["some text"])
    with pytest.raises(ConfigError, match=message):
        filter_language(LanguageConfig(lang, 0.5, among), part)


def test_language_without_lingua(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lingua", None)
    (part,) = prepare(["some text"])
    with pytest.raises(ConfigError, match=r"pip install \"orepass\[langid\]\""):
        filter_language(LanguageConfig("en", 0.5, ("fr",)), part)
