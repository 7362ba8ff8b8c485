"""Where gettext message catalogs lie, and in which language they are."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from orepass.errors import ConfigError, did_you_mean

MESSAGE_LANGUAGE = "en"
"""The language that messages are written in, by gettext's convention."""

_LOCALE = re.compile(r"[a-z]{2,3}([_-]([A-Z][a-z]{3}|[A-Z]{2}|\d{3}))?([@_-]\w+)?")


def find_catalogs(source: str) -> dict[str, tuple[Path, ...]]:
    """The catalogs of an installed package or in a folder, by language.

    A catalog is `<language>/LC_MESSAGES/<domain>.po` (or `.mo`) at any depth, or a file named for its language
    (`fr.po`, `admin-fr_FR.mo`). Where both a `.po` and its compiled `.mo` lie there, the `.po` is taken.

    Args:
        source: a folder, or the name of an importable package, which is found without importing it. A name
            without a slash is looked up as a package first.

    Returns:
        For each language, as its files spell it, the catalogs in order of their paths.

    Raises:
        ConfigError: there is no such package or folder, or no catalog in it.
    """
    root = _locate(source)
    found: dict[str, dict[Path, Path]] = {}
    for path in sorted(root.rglob("*.[pm]o")):
        language = _language_of(path)
        if language and path.is_file():
            # "x.po" sorts behind "x.mo", so the source wins over what was compiled from it.
            found.setdefault(language, {})[path.with_suffix("")] = path
    if not found:
        raise ConfigError(
            f"no gettext catalogs (.po, .mo) under {root} (source={source!r}). "
            "Name a package or a folder that has <language>/LC_MESSAGES/*.po in it."
        )
    return {language: tuple(paths.values()) for language, paths in found.items()}


def catalogs_of(catalogs: Mapping[str, tuple[Path, ...]], language: str) -> tuple[Path, ...]:
    """The catalogs of one language.

    Args:
        catalogs: what `find_catalogs` returned.
        language: such as `fr`, `pt_BR`, `pt-br` or `zh_Hans`; `fr` stands for `fr_FR` too.

    Raises:
        ConfigError: there are none; lists the languages that there are.
    """
    wanted = _normal(language)
    names = [name for name in sorted(catalogs) if _normal(name) in (wanted, f"{wanted}_{wanted}")]
    if not names:
        known = did_you_mean(language, {MESSAGE_LANGUAGE, *catalogs})
        raise ConfigError(f"there is no catalog for the language {language!r}. {known}")
    return tuple(path for name in names for path in catalogs[name])


def is_message_language(language: str) -> bool:
    """Whether the messages themselves are in this language, so that it needs no catalog."""
    return _normal(language) == MESSAGE_LANGUAGE


def same_language(one: str, other: str) -> bool:
    """Whether two names mean the same language: `pt_BR` and `pt-br` do."""
    return _normal(one) == _normal(other)


def _locate(source: str) -> Path:
    top, *inner = source.split(".")
    if all(part.isidentifier() for part in (top, *inner)):
        spec = importlib.util.find_spec(top)  # of a top-level name: imports nothing
        for place in (spec.submodule_search_locations if spec else None) or ():
            folder = Path(place, *inner)
            if folder.is_dir():
                return folder
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    remedy = 'pip install "Django>=5.2,<5.3"' if top == "django" else "install it, or give the path of a folder"
    raise ConfigError(f"source={source!r} is neither an installed package nor a folder: {remedy}")


def _language_of(path: Path) -> str | None:
    if path.parent.name == "LC_MESSAGES":
        return path.parent.parent.name
    for name in (path.stem, re.split(r"[-.]", path.stem)[-1]):
        if _LOCALE.fullmatch(name):
            return name
    return None


def _normal(language: str) -> str:
    return language.replace("-", "_").casefold()
