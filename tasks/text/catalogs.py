"""Parallel sentences out of gettext message catalogs.

The messages of a program and their translations are real parallel text, in up to hundreds of languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polib

from orepass.errors import ConfigError, InputError
from orepass.tasks.text.catalog_files import catalogs_of, find_catalogs, is_message_language, same_language
from orepass.tasks.text.folding import fold
from orepass.tasks.text.placeholders import mask_pair

MIN_WORDS = 3
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


@dataclass(frozen=True)
class Entry:
    """A message and its translation, masked, each on one line.

    Attributes:
        context: gettext's `msgctxt`, which tells equal messages apart; empty without one.
        message: the message, in `MESSAGE_LANGUAGE`.
        translation: what a translator made of it.
    """

    context: str
    message: str
    translation: str


def read_entries(paths: Iterable[Path]) -> Iterator[Entry]:
    """The usable entries of catalogs, in file order.

    Left out: plurals, fuzzy, obsolete and untranslated entries, messages under `MIN_WORDS` words, and entries
    whose placeholders cannot be masked (see `mask_pair`).

    Raises:
        InputError: a file is no catalog.
    """
    for path in paths:
        for entry in _parse(path):
            if entry.msgid_plural or entry.obsolete or not entry.msgstr or "fuzzy" in entry.flags:
                continue
            masked = mask_pair(entry.msgid, entry.msgstr)
            if masked and len(_WORD.findall(masked[0])) >= MIN_WORDS and _WORD.search(masked[1]):
                yield Entry(entry.msgctxt or "", *masked)


def all_texts(path: Path) -> Iterator[str]:
    """Everything that a catalog says: messages, plurals and translations, as they stand and masked.

    Raises:
        InputError: the file is no catalog.
    """
    for entry in _parse(path):
        for text in (entry.msgid, entry.msgid_plural, entry.msgstr, *entry.msgstr_plural.values()):
            if text:
                yield text
                yield from mask_pair(text, text) or ()


def parallel_sentences(source: str, src_lang: str, tgt_lang: str) -> list[tuple[str, str]]:
    """The distinct sentence pairs of two languages in a package's or folder's catalogs.

    Where one language is `MESSAGE_LANGUAGE` its sentences are the messages themselves; two other languages
    are joined over the message.

    Args:
        source: see `find_catalogs`.
        src_lang: see `catalogs_of`.
        tgt_lang: likewise.

    Returns:
        (source sentence, target sentence) in file order. No pair has the same text on both sides and no sentence
        comes twice on a side, also not with another case, punctuation or spacing (see `fold`); the first stays.

    Raises:
        ConfigError: an unknown package, folder or language, or twice the same language.
        InputError: a file is no catalog.
    """
    if same_language(src_lang, tgt_lang):
        raise ConfigError(f"src_lang and tgt_lang are both {src_lang!r}; name two languages")
    catalogs = find_catalogs(source)
    return distinct(_join(*(_by_message(catalogs, language) for language in (src_lang, tgt_lang))))


def distinct(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Drop pairs of equal sides and those with a side that came before, by `fold`."""
    sources: set[str] = set()
    targets: set[str] = set()
    kept = []
    for source, target in pairs:
        folds = fold(source), fold(target)
        if folds[0] == folds[1] or not all(folds) or folds[0] in sources or folds[1] in targets:
            continue
        sources.add(folds[0])
        targets.add(folds[1])
        kept.append((source, target))
    return kept


def _by_message(
    catalogs: Mapping[str, tuple[Path, ...]], language: str
) -> dict[tuple[str, str], tuple[str, str]] | None:
    """(context, message) -> (message, translation); None for the language of the messages."""
    if is_message_language(language):
        return None
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for entry in read_entries(catalogs_of(catalogs, language)):
        found.setdefault((entry.context, entry.message), (entry.message, entry.translation))
    return found


def _join(
    source: Mapping[tuple[str, str], tuple[str, str]] | None,
    target: Mapping[tuple[str, str], tuple[str, str]] | None,
) -> Iterator[tuple[str, str]]:
    if source is None and target is not None:
        yield from target.values()
    elif target is None and source is not None:
        yield from ((translation, message) for message, translation in source.values())
    elif source is not None and target is not None:
        yield from ((source[key][1], target[key][1]) for key in source if key in target)


def _parse(path: Path) -> Iterable[Any]:
    try:
        read = polib.mofile if path.suffix == ".mo" else polib.pofile
        return list(read(str(path)))
    except (OSError, ValueError, LookupError, UnicodeError, EOFError) as error:
        raise InputError(f"{path} is no gettext catalog: {error}. Mend it or take it away.") from error
    except Exception as error:  # polib reads a damaged .mo with struct and raises what struct raises
        raise InputError(f"{path} is a damaged gettext catalog: {error!r}. Mend it or take it away.") from error
