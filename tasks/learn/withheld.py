"""What must not be trained on: every text that an evaluation mines, in any language and any spelling."""

from __future__ import annotations

from collections.abc import Iterable

from orepass.tasks.text.catalog_files import find_catalogs
from orepass.tasks.text.catalogs import all_texts
from orepass.tasks.text.folding import fold


def folds_of(texts: Iterable[str]) -> frozenset[str]:
    """The folds of texts: equal for texts that differ in case, punctuation, spaces or compatibility forms only."""
    return frozenset(fold(text) for text in texts) - {""}


def withheld_folds(sources: Iterable[str]) -> frozenset[str]:
    """The folds of all that is in the catalogs of some packages or folders.

    Everything counts, in every language: messages, plurals, translations, also what mining leaves out (fuzzy,
    obsolete and short entries), as it stands and with its placeholders masked.

    Args:
        sources: see `find_catalogs`.

    Raises:
        ConfigError: there is no such package or folder.
        InputError: a file is no catalog.
    """
    return folds_of(
        text
        for source in sources
        for paths in find_catalogs(source).values()
        for path in paths
        for text in all_texts(path)
    )
