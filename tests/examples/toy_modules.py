"""Modules of a toy pipeline, as the seed's documents have them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orepass import module, workdir
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.pipelines import Input, adapter


@dataclass(frozen=True)
class Corpus:
    """Text, one sentence a line."""

    text: Path


@dataclass(frozen=True)
class Vocabulary:
    """Words, one a line."""

    words: Path


@dataclass(frozen=True)
class ReadConfig(Config):
    """What is read.

    Attributes:
        path: the file.
    """

    path: Path


@module(name="toy_read")
def read(config: ReadConfig) -> Corpus:
    out = workdir() / "text.txt"
    out.write_text(config.path.read_text())
    return Corpus(out)


@dataclass(frozen=True)
class FirstConfig(Config):
    """How a corpus is cleaned.

    Attributes:
        raw_data: what is cleaned.
        threshold: the fewest characters of a line,
            white space included.
    """

    raw_data: Input[Corpus]
    threshold: int = 1

    def __post_init__(self) -> None:
        if self.threshold < 0:
            raise ConfigError(f"threshold={self.threshold} is negative.")


@dataclass(frozen=True)
class First:
    """A clean corpus, and its words."""

    corpus: Corpus
    vocab: Vocabulary


@module(name="toy_first", default_output="corpus")
def first(config: FirstConfig) -> First:
    lines = [line for line in config.raw_data.text.read_text().splitlines() if len(line) >= config.threshold]
    text, words = workdir() / "clean.txt", workdir() / "words.txt"
    text.write_text("".join(f"{line}\n" for line in lines))
    words.write_text("\n".join(sorted({word for line in lines for word in line.split()})))
    return First(Corpus(text), Vocabulary(words))


@dataclass(frozen=True)
class SecondConfig(Config):
    data: Input[Corpus]
    vocabulary: Input[Vocabulary | None] = None
    cutoff: int = 3


@module(name="toy_second")
def second(config: SecondConfig) -> Corpus:
    if config.cutoff == 13:
        raise ValueError("13 is unlucky")
    text = workdir() / "cut.txt"
    text.write_text("".join(f"{line[: config.cutoff]}\n" for line in config.data.text.read_text().splitlines()))
    return Corpus(text)


@adapter
def lines_of(corpus: Input[Corpus], at_most: int = 9) -> list[str]:
    """The lines of a corpus.

    Args:
        corpus: the corpus.
        at_most: how many lines.
    """
    return corpus.text.read_text().splitlines()[:at_most]


@dataclass(frozen=True)
class Shout:
    """A line, and how loud it is."""

    line: str
    loudness: int


@module(name="toy_shout")
def shout(config: None, element: str) -> Shout:
    return Shout(element.upper(), element.count("!"))


@module(name="toy_join")
def join(lines: Sequence[str]) -> str:
    return " ".join(lines)


@dataclass(frozen=True)
class DieConfig(Config):
    corpus: Input[Corpus]


@module(name="toy_die")
def die(config: DieConfig) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class PickyConfig(Config):
    corpus: Input[Corpus]
    limit: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.corpus, Corpus):
            raise ConfigError(f"corpus is {self.corpus!r}, no Corpus.")
        if self.limit > 5:
            raise ValueError(f"limit={self.limit} is too high.")


@module(name="toy_picky")
def picky(config: PickyConfig) -> int:
    return config.limit


@dataclass(frozen=True)
class TypeConfig(Config):
    type: str


@module(name="toy_type")
def typed(config: TypeConfig) -> str:
    return config.type


@adapter
def failing(corpus: Input[Corpus]) -> int:
    return 1 // 0


@adapter
def say(word: str = "hello") -> str:
    return word
