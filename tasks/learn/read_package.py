"""The step that takes the sentence pairs out of one package."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orepass import Requirements, module, workdir
from orepass.config import Config
from orepass.errors import ConfigError, InputError
from orepass.tasks.learn.licences import licence_of
from orepass.tasks.text.catalog_files import catalogs_of, find_catalogs
from orepass.tasks.text.catalogs import distinct, read_entries

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadPackageConfig(Config):
    """What is read.

    Attributes:
        languages: the languages, besides English.
    """

    languages: tuple[str, ...]


@dataclass(frozen=True)
class PackagePairs:
    """The sentence pairs of a package.

    Attributes:
        pairs: rows (see `read_rows`) of language, English sentence, its translation into the language.
        licence: see `licence_of`.
        counts: pairs by language.
    """

    pairs: Path
    licence: str
    counts: dict[str, int]


@module(version="1", requires=Requirements(cpus=1, mem_gb=1))
def read_package(config: ReadPackageConfig, element: Path) -> PackagePairs:
    """Read the catalogs of an unpacked Debian package.

    A catalog that is damaged is left out, with a warning.

    Args:
        config: the languages.
        element: the folder the package was unpacked in.

    Returns:
        Its sentence pairs; none if it has no catalogs of these languages.
    """
    pairs = {language: list(_pairs_of(element, language)) for language in config.languages}
    path = workdir() / "pairs.jsonl"
    write_rows(path, ((language, *pair) for language in pairs for pair in pairs[language]))
    return PackagePairs(path, licence_of(element), {language: len(found) for language, found in pairs.items()})


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write strings, one JSON list a line."""
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_rows(path: Path) -> Iterator[list[str]]:
    """Read what `write_rows` wrote."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        yield from map(json.loads, lines)


def _pairs_of(package: Path, language: str) -> list[tuple[str, str]]:
    try:
        paths = catalogs_of(find_catalogs(str(package)), language)
    except ConfigError:
        return []
    found: list[tuple[str, str]] = []
    for path in paths:
        try:
            found.extend((entry.message, entry.translation) for entry in read_entries([path]))
        except InputError as error:
            _log.warning("left out: %s", error)
    return distinct(found)
