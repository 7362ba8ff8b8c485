from __future__ import annotations

import pytest

from orepass.flows.cli._words import days, size, size_text, time_text


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (200 * 2**30, "200 GiB"), (3 * 2**50, "3.0 PiB")],
)
def test_sizes_are_written_and_read(bytes_: int, text: str) -> None:
    assert size_text(bytes_) == text
    assert size(text) == bytes_


@pytest.mark.parametrize(("text", "bytes_"), [("200GB", 200 * 2**30), ("1.5 k", 1536), ("7", 7), ("2tib", 2**41)])
def test_sizes_are_read_in_many_forms(text: str, bytes_: int) -> None:
    assert size(text) == bytes_


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 s"), (0.0123, "0.012 s"), (9.87, "9.9 s"), (119, "119 s"), (600, "10 min"), (7e4, "19 h"), (3e5, "3 d")],
)
def test_times_are_written(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_ages_are_read() -> None:
    assert [days(text) for text in ("36h", "90d", "2 W")] == [1.5, 90, 14]
