"""What a data configuration says: where the files are (by list, by glob or by folder), and how they are read."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orepass.config import Config
from orepass.errors import ConfigError, InputError, did_you_mean
from orepass.tasks.text.tables import FORMATS, Column, Columns

Places = str | tuple[str, ...]
"""A file, a folder, a glob, or a list of such; `{lang}` in it stands for the language."""

ShardSpec = Places | Mapping[str, Places]
"""Places for every language, or places with `{lang}` in them for all."""


@dataclass(frozen=True)
class DataConfig(Config):
    """A corpus in two or more languages, cut in shards.

    Relative paths are relative to the working directory.

    Attributes:
        name: what the corpus is called in logs and reports.
        shards: the text of each language, see `resolve_shards`.
        gold: known pairs, `source<TAB>target` a line, to evaluate what was mined; None if there are none.
        embeddings: precomputed embeddings of the shards (`.npy` or `.bin`), given like `shards`, one file a
            shard and in the same order; None to encode the text.
        format: `lines` (one sentence a line), `tsv`, `jsonl` or `parquet`; None to go by each file's name.
        text: the column of the sentences, where the format has columns; `{lang}` in a name stands for the language.
            A number counts the columns of TSV files without a header, from 1; a name needs a header.
        id: the column of what identifies a sentence, which is carried to the output; None for none.
        metadata: other columns that are carried to the output.
    """

    name: str
    shards: ShardSpec
    gold: Path | None = None
    embeddings: ShardSpec | None = None
    format: str | None = None
    text: Column | None = None
    id: Column | None = None
    metadata: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip(". ") or "/" in self.name:
            raise ConfigError(f"name={self.name!r} cannot name a folder of results. Give a word without slashes.")
        if self.format is not None and self.format not in FORMATS:
            raise ConfigError(f"format={self.format!r} is unknown. {did_you_mean(self.format, FORMATS)}")
        if self.text is None and (self.id is not None or self.metadata):
            raise ConfigError("id and metadata name columns, but text names none. Set text to the sentences' column.")

    def columns(self, lang: str) -> Columns | None:
        """Which columns are read for a language; None for one sentence a line."""
        if self.text is None:
            return None

        def named(column: Column) -> Column:
            return column.replace("{lang}", lang) if isinstance(column, str) else column

        return Columns(named(self.text), self.id and named(self.id), tuple(map(named, self.metadata)))


def resolve_shards(spec: ShardSpec, lang: str, what: str = "text") -> list[Path]:
    """The files of one language.

    A place that exists under exactly its name is that file, or all visible files directly in that folder;
    else it is a glob (`**` included), whose leading folders that exist are taken literally. Files of a glob
    or folder are in natural order (`part2` before `part10`), those of a list in the list's.

    Args:
        spec: `DataConfig.shards` or `.embeddings`.
        lang: the language code.
        what: what the files hold, for error messages.

    Returns:
        Absolute paths, so that they mean the same to a worker that runs in another folder.

    Raises:
        ConfigError: the spec has no entry for the language.
        InputError: a place where nothing is, or a file that is named twice.
    """
    places = _places(spec, lang, what)
    found = [path.absolute() for place in places for path in _files(place, lang, what)]
    for path, count in Counter(found).items():
        if count > 1:
            raise InputError(f"The {what} shards of {lang!r} name {str(path)!r} twice. Name every file once.")
    return found


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """A sorting key under which the numbers in a path count as numbers; `part2` stands before `part10`."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", str(path))
    return [(0, int(piece), piece) if piece[0] in "0123456789" else (1, 0, piece) for piece in pieces]


def _places(spec: ShardSpec, lang: str, what: str) -> tuple[str, ...]:
    if isinstance(spec, Mapping):
        if lang not in spec:
            raise ConfigError(f"The data name no {what} shards for {lang!r}. {did_you_mean(lang, spec)}")
        spec = spec[lang]
    places = (spec,) if isinstance(spec, str) else tuple(spec)
    if not all(places) or not places:
        raise ConfigError(f"The {what} shards for {lang!r} are {spec!r}. Name a file, folder or glob.")
    return places


def _files(place: str, lang: str, what: str) -> list[Path]:
    literal = Path(place.replace("{lang}", lang))
    if literal.is_file():
        return [literal]
    if literal.is_dir():
        found = [path for path in literal.iterdir() if path.is_file() and not path.name.startswith(".")]
        folder, pattern = literal, "*"
    else:
        folder, pattern = _split(place, lang)
        names = glob.glob(pattern, root_dir=folder, recursive=True)
        found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        raise InputError(
            f"No {what} shards for {lang!r} at {place!r}: nothing visible matches {pattern!r} in the folder "
            f"{str(folder.absolute())!r}. Check the path; a relative one starts at the working directory."
        )
    return sorted(found, key=natural_key)


def _split(place: str, lang: str) -> tuple[Path, str]:
    """The longest leading folder that exists literally, and the rest as a glob pattern."""
    parts = Path(place).parts
    known = 0
    folder = Path()
    while known < len(parts) - 1 and (folder / parts[known].replace("{lang}", lang)).is_dir():
        folder /= parts[known].replace("{lang}", lang)
        known += 1
    return folder, str(Path(*parts[known:])).replace("{lang}", glob.escape(lang))
