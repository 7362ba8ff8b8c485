"""The step that parts the packages' sentence pairs into training data and held-out data, and keeps them apart."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain, islice
from pathlib import Path

from orepass import Requirements, module, workdir
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.tasks.learn.read_package import PackagePairs, read_rows, write_rows
from orepass.tasks.learn.withheld import folds_of, withheld_folds
from orepass.tasks.text.folding import fold

_log = logging.getLogger(__name__)

Pair = Sequence[str]  # language, English sentence, its translation


@dataclass(frozen=True)
class SelectPairsConfig(Config):
    """What is selected.

    Attributes:
        names: the packages' names.
        packages: their sentence pairs, in the same order.
        languages: the languages, besides English.
        held_out: patterns (`php-horde-*`) of the names of packages that are not trained on.
        withheld: packages of Python, or folders, whose catalogs share nothing with the training data.
        held_out_min: held-out packages with fewer pairs in some language are dropped.
        held_out_max: of larger ones this many pairs a language are kept.
    """

    names: tuple[str, ...]
    packages: tuple[PackagePairs, ...]
    languages: tuple[str, ...]
    held_out: tuple[str, ...]
    withheld: tuple[str, ...] = ("django",)
    held_out_min: int = 120
    held_out_max: int = 600


@dataclass(frozen=True)
class SelectedPairs:
    """The training data and the held-out data.

    Attributes:
        training: rows (see `read_rows`) of package, language, English sentence, its translation.
        held_out: for each held-out package rows of language, English sentence, its translation.
        sources: a table of the packages: name, training or held out, licence, pairs by language.
        counts: training pairs by language.
        dropped: training pairs that were dropped because a side of them is withheld or held out.
    """

    training: Path
    held_out: tuple[Path, ...]
    sources: Path
    counts: dict[str, int]
    dropped: int


@module(version="1", requires=Requirements(cpus=1, mem_gb=4))
def select_pairs(config: SelectPairsConfig) -> SelectedPairs:
    """Select training pairs and held-out pairs.

    A training pair is dropped if either side of it, in whatever case, punctuation or spacing, is said anywhere in the
    withheld catalogs or in a held-out package, or if the same pair came before.

    Args:
        config: the packages.

    Returns:
        The files.

    Raises:
        ConfigError: no package is held out, or none is left.
    """
    forbidden = withheld_folds(config.withheld)
    aside = {name for name in config.names if any(fnmatchcase(name, pattern) for pattern in config.held_out)}
    if not aside or aside == set(config.names):
        raise ConfigError(
            f"held_out={list(config.held_out)} matches {len(aside)} of {len(config.names)} packages. "
            "Some must be held out, and some left to train on."
        )
    packages = dict(zip(config.names, config.packages, strict=True))
    held_out = {name: list(_without(read_rows(packages[name].pairs), forbidden)) for name in sorted(aside)}
    evaluated = folds_of(text for pairs in held_out.values() for pair in pairs for text in pair[1:])
    kept: dict[str, list[Pair]] = {}
    seen: set[tuple[str, str, str]] = set()
    for name in config.names:
        if name not in aside:
            kept[name] = list(_new(_without(read_rows(packages[name].pairs), forbidden | evaluated), seen))
    counts = Counter(language for pairs in kept.values() for language, _, _ in pairs)
    read = sum(sum(packages[name].counts.values()) for name in kept)
    _log.info("%d training pairs %s; %d dropped", sum(counts.values()), dict(counts), read - sum(counts.values()))
    folder = workdir()
    write_rows(folder / "training.jsonl", ((name, *pair) for name, pairs in kept.items() for pair in pairs))
    (folder / "held-out").mkdir()
    written = [_write_held_out(folder / "held-out", name, pairs, config) for name, pairs in held_out.items()]
    _write_sources(folder / "sources.tsv", packages, kept, held_out)
    return SelectedPairs(
        training=folder / "training.jsonl",
        held_out=tuple(path for path in written if path is not None),
        sources=folder / "sources.tsv",
        counts=dict(counts),
        dropped=read - sum(counts.values()),
    )


def _without(pairs: Iterable[Pair], forbidden: frozenset[str]) -> Iterator[Pair]:
    return (pair for pair in pairs if fold(pair[1]) not in forbidden and fold(pair[2]) not in forbidden)


def _new(pairs: Iterable[Pair], seen: set[tuple[str, str, str]]) -> Iterator[Pair]:
    for language, source, target in pairs:
        folds = (language, fold(source), fold(target))
        if folds not in seen:
            seen.add(folds)
            yield language, source, target


def _write_held_out(folder: Path, name: str, pairs: list[Pair], config: SelectPairsConfig) -> Path | None:
    counts = Counter(language for language, _, _ in pairs)
    if not counts or min(counts[language] for language in config.languages) < config.held_out_min:
        return None
    path = folder / f"{name}.jsonl"
    write_rows(path, chain.from_iterable(_first(pairs, lang, config.held_out_max) for lang in config.languages))
    return path


def _first(pairs: list[Pair], language: str, at_most: int) -> Iterator[Pair]:
    return islice((pair for pair in pairs if pair[0] == language), at_most)


def _write_sources(
    path: Path,
    packages: Mapping[str, PackagePairs],
    kept: Mapping[str, list[Pair]],
    held_out: Mapping[str, list[Pair]],
) -> None:
    languages = sorted({language for package in packages.values() for language in package.counts})
    lines = ["\t".join(["package", "use", "licence", *languages])]
    for name, pairs in sorted(({**kept, **held_out}).items()):
        counts = Counter(language for language, _, _ in pairs)
        if counts:
            use = "held out" if name in held_out else "training"
            row = [name, use, packages[name].licence, *(str(counts[language]) for language in languages)]
            lines.append("\t".join(row))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
