"""The text of one language, from the files of a corpus to the shards that are embedded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orepass import Module
from orepass.config import Config
from orepass.errors import ConfigError, InputError, did_you_mean
from orepass.tasks.apps.command import CommandOptions, WordsByLanguage, for_language
from orepass.tasks.bitext.embed_text import TextShard, text_shards
from orepass.tasks.bitext.write_pairs import SideText
from orepass.tasks.text.duplicates import (
    CountedText,
    DuplicatesConfig,
    count_duplicates,
    drop_duplicates,
    hash_lines,
)
from orepass.tasks.text.filter_command import FilterCommandConfig, filter_command
from orepass.tasks.text.filter_language import LanguageConfig, filter_language
from orepass.tasks.text.filter_lengths import LengthsConfig, filter_lengths
from orepass.tasks.text.prepared import PreparedText, check_types
from orepass.tasks.text.read_text import ReadTextConfig, TextFile, read_text
from orepass.tasks.text.shards import DataConfig, resolve_shards
from orepass.tasks.text.tables import guess_format


@dataclass(frozen=True)
class FilterConfig(Config):
    """What is left out; nothing by default. Limits are included, None is no limit.

    Attributes:
        command: a command that rewrites or drops sentences, see `FilterCommandConfig`; one for both languages, in which
            `{lang}` stands for the language, or one for each, by language, empty for none.
        app: how the command runs.
        min_chars: the fewest characters of a sentence.
        max_chars: the most.
        min_words: the fewest words of a sentence, which is of no use where white space does not part words.
        max_words: the most.
        dedup: leave one of each sentence of a language, and carry along how often it was there.
        min_confidence: the lowest probability, from 0 to 1, that a sentence is in its language; needs the extra
            `langid`.
        languages: what else than the two languages of the pair a sentence may be in.
        max_length_ratio: how many times as long as its partner a sentence of a pair may be, in characters.
    """

    command: WordsByLanguage = ()
    app: CommandOptions = field(default_factory=CommandOptions)
    min_chars: int | None = None
    max_chars: int | None = None
    min_words: int | None = None
    max_words: int | None = None
    dedup: bool = False
    min_confidence: float | None = None
    languages: tuple[str, ...] = ("ar", "de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "ru", "tr", "zh")
    max_length_ratio: float | None = None

    def __post_init__(self) -> None:
        if self.max_length_ratio is not None and self.max_length_ratio < 1:
            raise ConfigError(f"max_length_ratio={self.max_length_ratio:g} is below 1, so no two sentences would do.")
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            raise ConfigError(f"min_confidence={self.min_confidence:g} is no probability. Give one from 0 to 1.")

    @property
    def lengths(self) -> LengthsConfig:
        """The limits of lengths alone."""
        return LengthsConfig(self.min_chars, self.max_chars, self.min_words, self.max_words)

    def command_for(self, lang: str) -> tuple[str, ...]:
        """The words of the command for a language; empty if there is none.

        Raises:
            ConfigError: there are commands by language, and none for this one.
        """
        if not isinstance(self.command, Mapping):
            return for_language(self.command, lang)
        if lang not in self.command:
            raise ConfigError(
                f"filters.command has no entry for {lang!r}. Give it a command, or [] for none. "
                f"{did_you_mean(lang, self.command)}"
            )
        return for_language(self.command[lang], lang)


@dataclass(frozen=True)
class LanguageText:
    """The sentences of one language that are mined.

    Attributes:
        lang: the language.
        shards: what is embedded.
        columns: what is carried along with each shard; none if nothing is.
        counts: how many sentences were there after each step of the preparation.
    """

    lang: str
    shards: tuple[TextShard, ...]
    columns: tuple[Path, ...]
    counts: dict[str, int]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The text of the shards."""
        return tuple(shard.text for shard in self.shards)

    @property
    def written(self) -> SideText:
        """What of it is written with the pairs."""
        return SideText(self.lang, self.paths, self.columns)


def check_lang(option: str, lang: str) -> None:
    """Raise a ConfigError if a language cannot be part of a file's name."""
    if not re.fullmatch(r"\w[\w.-]*", lang) or lang in ("scores", "gz", "zst"):
        raise ConfigError(
            f"{option}={lang!r} cannot name a language, which is part of the names of files. Give a code such as 'en' "
            "or 'eng_Latn'."
        )


async def prepare_text(
    data: DataConfig, lang: str, pair: Sequence[str], filters: FilterConfig, shard_lines: int | None
) -> LanguageText:
    """Read the files of one language, cut what is too big, and leave out what the filters do not let through.

    One sentence a line that is neither cut nor filtered is taken as it is.
    """
    given = text_shards(
        resolve_shards(data.shards, lang),
        None if data.embeddings is None else resolve_shards(data.embeddings, lang, "embeddings"),
    )
    files = [TextFile(shard.text, data.format or guess_format(shard.text)) for shard in given]
    columns = data.columns(lang)
    command = filters.command_for(lang)
    filtered = filters.dedup or filters.min_confidence is not None or filters.lengths != LengthsConfig()
    if not (command or filtered or shard_lines or columns or any(file.format != "lines" for file in files)):
        return LanguageText(lang, tuple(given), (), {})
    read = await read_text.schedule(ReadTextConfig(columns, shard_lines), over=files, label=f"read_text.{lang}")
    check_types((file.path, parts[0]) for file, parts in zip(files, read, strict=True))
    text = _Text(lang, [(part, shard.embeddings) for shard, parts in zip(given, read, strict=True) for part in parts])
    text.count("read")
    if command:
        await text.filter(filter_command, FilterCommandConfig(command, filters.app))
    if filters.lengths != LengthsConfig():
        await text.filter(filter_lengths, filters.lengths)
    if filters.dedup:
        await text.deduplicate()
    if filters.min_confidence is not None:
        among = tuple(sorted({*pair, *filters.languages}))
        await text.filter(filter_language, LanguageConfig(lang, filters.min_confidence, among))
    return text.result()


class _Text:
    """The shards of a language on their way, each with the embeddings of the file it comes from."""

    def __init__(self, lang: str, parts: list[tuple[PreparedText, Path | None]]) -> None:
        self._lang = lang
        self._parts = parts
        self._counts: dict[str, int] = {}

    def count(self, step: str) -> None:
        """Note how many sentences there are after a step."""
        self._counts[step] = sum(part.lines for part, _ in self._parts)

    async def filter(self, step: Module[..., PreparedText], config: Any, over: Sequence[Any] | None = None) -> None:
        """Put every shard through a step, and forget those of which nothing is left."""
        label = f"{step.name}.{self._lang}"
        kept = await step.schedule(config, over=over or [part for part, _ in self._parts], label=label)
        self._parts = [(part, origin) for part, (_, origin) in zip(kept, self._parts, strict=True) if part.lines]
        if not self._parts:
            raise InputError(f"No sentence of {self._lang!r} is left after {step.name}. Loosen the filters.")
        self.count(step.name)

    async def deduplicate(self) -> None:
        """Leave one of each sentence over all shards."""
        text = [part.text for part, _ in self._parts]
        hashes = await hash_lines.schedule(None, over=text, label=f"hash_lines.{self._lang}")
        counts = await count_duplicates.schedule(
            DuplicatesConfig(tuple(hashes)), label=f"count_duplicates.{self._lang}"
        )
        over = [CountedText(part, count) for (part, _), count in zip(self._parts, counts, strict=True)]
        await self.filter(drop_duplicates, None, over)

    def result(self) -> LanguageText:
        """What there is now."""
        return LanguageText(
            self._lang,
            tuple(TextShard(part.text, origin, part.rows if origin else None) for part, origin in self._parts),
            tuple(part.columns for part, _ in self._parts if part.columns),
            self._counts,
        )
