"""The step that drops sentences that are in another language; needs the extra `langid` (lingua)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from orepass import module
from orepass.config import Config
from orepass.errors import ConfigError, did_you_mean
from orepass.tasks.text.prepared import PreparedText, read_prepared, write_prepared

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LanguageConfig(Config):
    """Which sentences are kept.

    Attributes:
        lang: the language they should be in: ISO 639-1 or 639-3, also with a script (`en`, `eng`, `eng_Latn`).
        min_confidence: the lowest probability of that language, from 0 to 1.
        among: the languages that a sentence is thought to be in at all; `lang` is one of them anyway, and one that
            lingua does not know is left out. With few of them every sentence is probable, with all 75 short sentences
            are taken for rare languages, and the models fill a gigabyte.
    """

    lang: str
    min_confidence: float
    among: tuple[str, ...]


def _for_cache(config: LanguageConfig) -> Mapping[str, Any]:
    return {**vars(config), "lingua": version("lingua-language-detector") if find_spec("lingua") else None}


@module(version="1", config_for_cache=_for_cache)
def filter_language(config: LanguageConfig, element: PreparedText) -> PreparedText:
    """Keep the sentences of one shard that are in their language, as lingua sees it.

    Raises:
        ConfigError: lingua is not installed or does not know the language; one language alone.
    """
    detector, lang = load_detector(config.lang, config.among)

    def fits(line: str) -> bool:
        return bool(detector.compute_language_confidence(line, lang) >= config.min_confidence)

    return write_prepared(
        "kept", (piece.keep([fits(line) for line in piece.lines]) for piece in read_prepared(element))
    )


def load_detector(lang: str, among: Iterable[str]) -> tuple[Any, Any]:
    """A detector of lingua that tells some languages apart, and lingua's name of the one that is expected.

    Raises:
        ConfigError: see `filter_language`.
    """
    try:
        import lingua
    except ImportError:
        raise ConfigError(
            'Language identification needs lingua: pip install "orepass[langid]", or take min_confidence out of the '
            "filters."
        ) from None
    known = {}
    for language in lingua.Language.all():
        known[language.iso_code_639_1.name.lower()] = known[language.iso_code_639_3.name.lower()] = language
    found = {code: known.get(_short(code)) for code in (lang, *among)}
    if found[lang] is None:
        raise ConfigError(
            f"Sentences of {lang!r} cannot be filtered: lingua does not know it. Take min_confidence out of the "
            f"filters, or give another code. {_hint(lang, known)}"
        )
    for code in (code for code, language in found.items() if language is None):
        _log.warning("lingua does not know %r, which is left out of the languages to tell apart", code)
    languages = [language for language in found.values() if language is not None]
    if len(set(languages)) < 2:
        raise ConfigError(f"Only {lang!r} is among the languages to tell apart. Name others in filters.languages.")
    return lingua.LanguageDetectorBuilder.from_languages(*languages).build(), found[lang]


def _short(code: str) -> str:
    return code.replace("-", "_").partition("_")[0].lower()


def _hint(code: str, known: Iterable[str]) -> str:
    """The codes of lingua that are as long as the one that was given."""
    length = 3 if len(_short(code)) == 3 else 2
    return did_you_mean(_short(code), (valid for valid in known if len(valid) == length))
