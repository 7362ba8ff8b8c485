from __future__ import annotations

from pathlib import Path

import pytest

from orepass.errors import ConfigError, InputError
from orepass.tasks.text.catalog_corpus import CatalogCorpus, CatalogCorpusConfig, catalog_corpus
from orepass.tasks.text.catalogs import parallel_sentences
from orepass.tasks.text.folding import fold


def catalog(folder: Path, language: str, messages: int) -> str:
    entries = (f'msgid "message with number {i}"\nmsgstr "{language} translation {i}"\n\n' for i in range(messages))
    folder.mkdir(exist_ok=True)
    (folder / f"{language}.po").write_text("".join(entries), encoding="utf-8")
    return str(folder)


def texts(corpus: CatalogCorpus) -> tuple[list[str], list[str], list[list[str]]]:
    src, tgt, gold = (path.read_text(encoding="utf-8").split("\n") for path in (corpus.src, corpus.tgt, corpus.gold))
    assert src.pop() == tgt.pop() == gold.pop() == ""
    return src, tgt, [line.split("\t") for line in gold]


@pytest.mark.parametrize("tgt_lang", ["fr", "de", "pl", "zh_Hans", "pt-br"])
def test_django_is_the_default(tgt_lang: str) -> None:
    corpus = catalog_corpus(CatalogCorpusConfig(tgt_lang=tgt_lang))
    src, tgt, gold = texts(corpus)
    assert len(src) == len(tgt) == corpus.sentences > 150
    assert len(gold) == corpus.gold_pairs == corpus.sentences - round(corpus.sentences / 2)
    known = parallel_sentences("django", "en", tgt_lang)
    assert set(map(tuple, gold)) <= set(known)
    # Half of the sentences on each side have no partner on the other.
    partner = dict(known)
    assert sum(partner[sentence] in tgt for sentence in src) == corpus.gold_pairs
    assert {source for source, _ in gold} <= set(src)
    assert {target for _, target in gold} <= set(tgt)
    for side in (src, tgt):
        assert len(set(map(fold, side))) == len(side)
        assert not any(c in sentence for sentence in side for c in "\t\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


@pytest.mark.parametrize(("distractors", "sentences", "gold"), [(0.0, 90, 90), (0.5, 60, 30), (0.8, 50, 10)])
def test_distractors(tmp_path: Path, distractors: float, sentences: int, gold: int) -> None:
    corpus = catalog_corpus(CatalogCorpusConfig(catalog(tmp_path, "fr", 90), distractors=distractors))
    assert (corpus.sentences, corpus.gold_pairs) == (sentences, gold)


def test_two_languages_that_are_not_english(tmp_path: Path) -> None:
    catalog(tmp_path, "fr", 30)
    corpus = catalog_corpus(CatalogCorpusConfig(catalog(tmp_path, "de", 30), src_lang="fr", tgt_lang="de"))
    src, tgt, gold = texts(corpus)
    assert len(gold) == 10
    assert all(source.replace("fr", "de") == target for source, target in gold)
    assert all("fr " in sentence for sentence in src)
    assert all("de " in sentence for sentence in tgt)


def test_a_seed_draws_and_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    source = catalog(tmp_path, "fr", 60)
    one, again, other = (texts(catalog_corpus(CatalogCorpusConfig(source, seed=seed))) for seed in (1, 1, 2))
    assert one == again
    assert one[0] != other[0]
    assert sorted(one[0]) != sorted(other[0])


def test_the_two_sides_are_shuffled_apart(tmp_path: Path) -> None:
    src, tgt, _ = texts(catalog_corpus(CatalogCorpusConfig(catalog(tmp_path, "fr", 90), distractors=0)))
    numbers = [[int(line.split()[-1]) for line in side] for side in (src, tgt)]
    assert sorted(numbers[0]) == sorted(numbers[1]) == list(range(90))
    assert numbers[0] != numbers[1]
    assert list(range(90)) not in numbers


def test_what_the_catalogs_say_is_in_the_key_and_their_place_is_not(tmp_path: Path) -> None:
    def keyed(source: str, **more: str) -> object:
        return catalog_corpus.config_for_key(CatalogCorpusConfig(source, **more))  # type: ignore[arg-type]

    here, there = catalog(tmp_path / "here", "fr", 9), catalog(tmp_path / "there", "fr", 9)
    assert keyed(here) == keyed(there)
    before = keyed(here)
    catalog(tmp_path / "here", "de", 9)
    assert keyed(here) == before
    catalog(tmp_path / "here", "fr", 10)
    assert keyed(here) != before


@pytest.mark.parametrize("distractors", [-0.1, 1.0, 7.0, float("nan")])
def test_distractors_out_of_range(tmp_path: Path, distractors: float) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        catalog_corpus(CatalogCorpusConfig(catalog(tmp_path, "fr", 9), distractors=distractors))


def test_too_few_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 usable sentence pairs en-fr"):
        catalog_corpus(CatalogCorpusConfig(catalog(tmp_path, "fr", 0) or str(tmp_path)))
