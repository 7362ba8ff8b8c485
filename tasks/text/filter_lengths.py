"""The step that drops sentences that are too short or too long."""

from __future__ import annotations

from dataclasses import dataclass

from orepass import module
from orepass.config import Config
from orepass.tasks.text.prepared import PreparedText, read_prepared, write_prepared


@dataclass(frozen=True)
class LengthsConfig(Config):
    """Which lengths are kept, limits included; None for no limit.

    Attributes:
        min_chars: the fewest characters (Unicode code points).
        max_chars: the most.
        min_words: the fewest words: what stands between white space, so of no use where that parts no words.
        max_words: the most.
    """

    min_chars: int | None = None
    max_chars: int | None = None
    min_words: int | None = None
    max_words: int | None = None


@module(version="1")
def filter_lengths(config: LengthsConfig, element: PreparedText) -> PreparedText:
    """Keep the sentences of one shard whose lengths are within the limits."""

    def fits(line: str) -> bool:
        return _within(len(line), config.min_chars, config.max_chars) and (
            not words or _within(len(line.split()), config.min_words, config.max_words)
        )

    words = config.min_words is not None or config.max_words is not None
    return write_prepared(
        "kept", (piece.keep([fits(line) for line in piece.lines]) for piece in read_prepared(element))
    )


def _within(length: int, low: int | None, high: int | None) -> bool:
    return (low is None or length >= low) and (high is None or length <= high)
