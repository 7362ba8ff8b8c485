"""The step that makes a mining corpus with known pairs out of message catalogs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from orepass import module, workdir
from orepass.config import Config
from orepass.digest import digest_path
from orepass.errors import ConfigError, InputError
from orepass.tasks.text.catalog_files import catalogs_of, find_catalogs, is_message_language
from orepass.tasks.text.catalogs import parallel_sentences

_log = logging.getLogger(__name__)

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class CatalogCorpusConfig(Config):
    """Which catalogs, and what becomes of them.

    Attributes:
        source: the name of an installed package (it is found, not imported) or a folder.
        src_lang: the source language; `en` stands for the messages themselves.
        tgt_lang: the target language.
        distractors: the part of the sentences on each side that have no partner on the other; 0 <= d < 1.
        seed: another number draws other distractors and another order.
    """

    source: str = "django"
    src_lang: str = "en"
    tgt_lang: str = "fr"
    distractors: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class CatalogCorpus:
    """Two shuffled texts and what is known about them.

    Attributes:
        src: UTF-8, one sentence a line.
        tgt: likewise.
        gold: the known pairs, one a line, source and target with a tab between.
        sentences: the number of lines of `src`, and of `tgt`.
        gold_pairs: the number of lines of `gold`.
    """

    src: Path
    tgt: Path
    gold: Path
    sentences: int
    gold_pairs: int


def _for_cache(config: CatalogCorpusConfig) -> Mapping[str, Any]:
    # What the catalogs say counts, not where they lie: an upgrade of the package is a miss, a move is not.
    catalogs = find_catalogs(config.source)
    languages = [lang for lang in (config.src_lang, config.tgt_lang) if not is_message_language(lang)]
    digests = [[digest_path(path) for path in catalogs_of(catalogs, lang)] for lang in languages]
    return {name: value for name, value in vars(config).items() if name != "source"} | {"catalogs": digests}


@module(version="1", config_for_cache=_for_cache)
def catalog_corpus(config: CatalogCorpusConfig) -> CatalogCorpus:
    """Make two shuffled monolingual texts, in part translations of each other, and the list of those that are.

    Of N sentence pairs, disjoint sets are drawn: pairs that stay on both sides, pairs of which only the source stays
    and as many of which only the target stays, so that `distractors` of each side has no partner.

    Args:
        config: the catalogs.

    Returns:
        The texts and the known pairs.

    Raises:
        ConfigError: an unknown package, folder or language; `distractors` out of range.
        InputError: a catalog that cannot be read, or too few sentences in it.
    """
    if not 0 <= config.distractors < 1:
        raise ConfigError(f"distractors={config.distractors} is out of range. Give a part of a whole: 0 <= d < 1.")
    pairs = parallel_sentences(config.source, config.src_lang, config.tgt_lang)
    texts = draw_texts(pairs, config.distractors, config.seed)
    if not texts.gold:
        raise InputError(
            f"{len(pairs)} usable sentence pairs {config.src_lang}-{config.tgt_lang} in the catalogs of "
            f"{config.source!r}: too few for a corpus. Name a source with more, or fewer distractors."
        )
    sentences, known = len(texts.src), len(texts.gold)
    _log.info("%d sentences a language out of %r, %d of them with a partner", sentences, config.source, known)
    return CatalogCorpus(
        src=_write("src.txt", texts.src),
        tgt=_write("tgt.txt", texts.tgt),
        gold=_write("gold.tsv", ("\t".join(pair) for pair in texts.gold)),
        sentences=sentences,
        gold_pairs=known,
    )


@dataclass(frozen=True)
class Texts:
    """Two shuffled texts, and the pairs of sentences that are translations of each other."""

    src: list[str]
    tgt: list[str]
    gold: list[tuple[str, str]]


def draw_texts(pairs: list[tuple[str, str]], distractors: float, seed: int) -> Texts:
    """Part sentence pairs into pairs, sentences without a translation, and translations without their source.

    Args:
        pairs: n of them.
        distractors: the part of each text that has no partner in the other.
        seed: draws.

    Returns:
        Two texts of n / (1 + distractors) sentences each.
    """
    sentences = int(len(pairs) / (1 + distractors))
    lonely = round(sentences * distractors)
    drawn = _shuffled(pairs, seed, "draw")
    gold, rest = drawn[: sentences - lonely], drawn[sentences - lonely :]
    src = [source for source, _ in gold + rest[:lonely]]
    tgt = [target for _, target in gold + rest[lonely : 2 * lonely]]
    return Texts(_shuffled(src, seed, "src"), _shuffled(tgt, seed, "tgt"), gold)


def _shuffled(items: Iterable[Any], seed: int, purpose: Literal["draw", "src", "tgt"]) -> list[Any]:
    """In an order that looks random and depends on the texts and the seed alone: not on a library's generator."""
    return sorted(items, key=lambda item: blake2b(repr((seed, purpose, item)).encode()).digest())


def _write(name: str, lines: Iterable[str]) -> Path:
    path = workdir() / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    return path
