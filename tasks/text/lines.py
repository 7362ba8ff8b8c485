"""Sentences in text files: one a line, in UTF-8, plain or compressed.

A line ends at a line feed and nowhere else, so the number of lines is the number of rows of the embeddings
made from them, whatever else (a lone carriage return, U+2028, a form feed) stands inside a sentence.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import zstandard

from orepass.errors import InputError
from orepass.tasks.text.zstd import ZstdReader

SEPARATORS = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029"
"""What would break a row of a TSV file: the tab, and every character at which `str.splitlines` splits."""

_BOM = b"\xef\xbb\xbf"
_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
_RUN_OF_SEPARATORS = re.compile(f"[{SEPARATORS}]+")
_CHUNK = 1 << 20


def read_lines(path: Path) -> Iterator[str]:
    r"""The sentences of one file, in order, read as they are asked for.

    A byte order mark at the start of the file is dropped, and the `\r` of a line that ends in `\r\n`.

    Args:
        path: plain text, or compressed if the name ends in `.gz`, `.bz2`, `.xz` or `.zst`.

    Raises:
        InputError: the file is missing, empty, truncated or corrupt, or not UTF-8; names file and line.
    """
    number = 0
    with _opened(path) as stream:
        lines = iter(stream)
        while (raw := _next(lines, path, number)) is not None:
            if number == 0:
                raw = raw.removeprefix(_BOM)
                if not raw:
                    break
            number += 1
            yield _decoded(raw, path, number)
    if number == 0:
        raise _empty(path)


def count_lines(path: Path) -> int:
    """The number of sentences that `read_lines` gives for the file, without decoding them.

    Raises:
        InputError: the file is missing, empty, truncated or corrupt.
    """
    count, size, tail = 0, 0, b"\n"
    with _opened(path) as stream:
        chunks = iter(lambda: stream.read(_CHUNK), b"")
        while (chunk := _next(chunks, path, count)) is not None:
            if size == 0:
                chunk = chunk.removeprefix(_BOM)
            size += len(chunk)
            count += chunk.count(b"\n")
            tail = chunk[-1:] or tail
    if size == 0:
        raise _empty(path)
    return count + (tail != b"\n")


def lines_at(paths: Sequence[Path], rows: Iterable[int]) -> dict[int, str]:
    """The sentences at some rows of several files read one after the other; only these are kept in memory.

    Args:
        paths: the files, in the order in which their lines are numbered.
        rows: line numbers from 0 over all files; repeats are fine.

    Raises:
        InputError: a file cannot be read, or the files together have too few lines.
    """
    wanted = sorted(set(rows))
    found: dict[int, str] = {}
    seen = 0
    for line in (line for path in paths for line in read_lines(path)):
        if len(found) == len(wanted):
            return found
        if wanted[len(found)] == seen:
            found[seen] = line
        seen += 1
    if len(found) < len(wanted):
        names = ", ".join(repr(str(path)) for path in paths)
        raise InputError(
            f"Row {wanted[-1]} was asked for, but there are only {seen} lines in {names}. "
            "Give the text shards that the embeddings were made from, all of them and in the same order."
        )
    return found


def one_line(text: str) -> str:
    r"""The sentence as one field of a TSV file without quoting.

    Every run of the characters `\t \n \x0b \x0c \r \x1c \x1d \x1e \x85 U+2028 U+2029` becomes one space.
    """
    return _RUN_OF_SEPARATORS.sub(" ", text)


def write_tsv(path: Path, rows: Iterable[Sequence[str]]) -> int:
    """Write rows of fields, each through `one_line`, and return how many there were."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write("\t".join(map(one_line, row)) + "\n")
            count += 1
    return count


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    try:
        stream = _open(path)
    except FileNotFoundError:
        raise InputError(f"No text file at {str(path)!r}. Check the path, or the shards of the data.") from None
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}. Give a text file.") from error
    with stream:
        yield stream


def _open(path: Path) -> io.BufferedIOBase:
    match path.suffix:
        case ".gz":
            return gzip.open(path, "rb")
        case ".bz2":
            return bz2.open(path, "rb")
        case ".xz":
            return lzma.open(path, "rb")
        case ".zst":
            return io.BufferedReader(ZstdReader(path.open("rb")), _CHUNK)
        case _:
            return path.open("rb")


def _next(pieces: Iterator[bytes], path: Path, lines: int) -> bytes | None:
    try:
        return next(pieces, None)
    except _BROKEN as error:
        raise InputError(
            f"{str(path)!r} is truncated or corrupt after line {lines}: {error}. "
            "Nothing of it was used; fetch or compress the file again."
        ) from error


def _decoded(raw: bytes, path: Path, number: int) -> str:
    try:
        return raw.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{str(path)!r}, line {number}: not UTF-8 "
            f"(byte 0x{raw[error.start]:02x} at position {error.start}). "
            "Convert the file, for instance with `iconv -t UTF-8`."
        ) from None


def _empty(path: Path) -> InputError:
    return InputError(f"{str(path)!r} is empty. Give one sentence a line, or leave it out of the shards.")
