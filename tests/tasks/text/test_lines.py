from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orepass.errors import InputError
from orepass.tasks.text.lines import SEPARATORS, count_lines, one_line, one_lines, read_lines

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}
HARD = [
    "one\ttwo",
    "a\u2028b\u2029c",
    "x\x0by\x0cz\x1c\x1d\x1e\x85",
    "mid\rdle",
    "",
    "ends in two\r",
    "čćž 漢字 🙂",
    "last",
]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(PACK[path.suffix if path.suffix in PACK else ""](data))
    return path


@pytest.mark.parametrize("suffix", PACK)
def test_only_a_line_feed_ends_a_line(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"hard{suffix}", "\n".join(HARD).replace("two\r", "two\r\r").encode())
    assert list(read_lines(path)) == HARD
    assert count_lines(path) == len(HARD)


def test_carriage_return_of_crlf_and_byte_order_mark_are_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "dos.txt", b"\xef\xbb\xbfone\r\n\r\ntwo\r\n")
    assert list(read_lines(path)) == ["one", "", "two"]
    assert count_lines(path) == 3


@given(
    lines=st.lists(st.text(st.characters(exclude_characters="\n\ufeff", exclude_categories=["Cs"])), min_size=1),
    suffix=st.sampled_from(list(PACK)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_count_is_the_number_of_lines_read(tmp_path: Path, lines: list[str], suffix: str) -> None:
    last_is_ended = not lines[-1]
    path = write(tmp_path / f"any{suffix}", ("\n".join(lines) + "\n" * last_is_ended).encode())
    assert list(read_lines(path)) == [line.removesuffix("\r") for line in lines]
    assert count_lines(path) == len(lines)


def test_several_zstd_frames_are_one_text(tmp_path: Path) -> None:
    path = tmp_path / "two.zst"
    path.write_bytes(zstandard.compress(b"one\ntw") + zstandard.compress(b"o\nthree\n"))
    assert list(read_lines(path)) == ["one", "two", "three"]


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("read", [count_lines, lambda path: list(read_lines(path))])
def test_truncated_file_is_an_error(tmp_path: Path, suffix: str, read: Callable[[Path], object]) -> None:
    path = write(tmp_path / f"cut{suffix}", "".join(f"sentence {i * 7919}\n" for i in range(5000)).encode())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"cut.* is truncated or corrupt after line \d+: .*again"):
        read(path)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_file_that_is_not_what_its_name_says_is_an_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plain{suffix}"
    path.write_bytes(b"just plain text, and long enough for any header\n" * 3)
    with pytest.raises(InputError, match="truncated or corrupt"):
        count_lines(path)


def test_bytes_that_are_not_utf8_are_an_error_with_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "latin.txt", "good\nfa\xe7ade\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.txt', line 2: not UTF-8 \(byte 0xe7 at position 2\)"):
        list(read_lines(path))


@pytest.mark.parametrize("read", [count_lines, lambda path: list(read_lines(path))])
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("suffix", PACK)
def test_empty_file_is_an_error(tmp_path: Path, suffix: str, data: bytes, read: Callable[[Path], object]) -> None:
    path = write(tmp_path / f"none{suffix}", data)
    with pytest.raises(InputError, match="is empty"):
        read(path)


def test_missing_file_and_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No text file at .*nowhere\.txt"):
        count_lines(tmp_path / "nowhere.txt")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        count_lines(tmp_path)


@given(st.text())
def test_one_line_has_no_separator_left(text: str) -> None:
    field = one_line(text)
    assert not set(field) & set(SEPARATORS)
    assert len(field.splitlines()) <= 1


@given(st.lists(st.text(st.characters(exclude_characters="\n"))))
def test_one_lines_is_one_line_of_each(batch: list[str]) -> None:
    assert one_lines(batch) == [one_line(text) for text in batch]
