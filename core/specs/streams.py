"""What a replica writes."""

from __future__ import annotations

from enum import StrEnum


class Stream(StrEnum):
    """The streams of a replica."""

    STDOUT = "stdout"
    STDERR = "stderr"
    COMBINED = "combined"
