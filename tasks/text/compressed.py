"""Files as binary streams, compressed as their names say: `.gz`, `.bz2`, `.xz`, `.zst`, or not at all."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import zstandard

from orepass.errors import InputError
from orepass.tasks.text.zstd import ZstdReader

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
"""The endings of names that mean compression."""

BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
"""What reading a truncated or corrupt file raises."""

_CHUNK = 1 << 20
_LEVEL = 1  # of zstd: twice as fast as its default, and files are a few percent larger


@contextmanager
def open_input(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading.

    Raises:
        InputError: there is no such file, or it cannot be opened.
    """
    try:
        stream = _open(path)
    except FileNotFoundError:
        raise InputError(f"No text file at {str(path)!r}. Check the path, or the shards of the data.") from None
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}. Give a text file.") from error
    with stream:
        yield stream


@contextmanager
def create(path: Path) -> Iterator[IO[bytes]]:
    """Write a new file, plain, `.gz` or `.zst`; the same content gives the same bytes at any time and place."""
    with ExitStack() as opened:
        file: Any = opened.enter_context(path.open("wb"))
        if path.suffix == ".gz":
            file = opened.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0))
        elif path.suffix == ".zst":
            file = opened.enter_context(zstandard.ZstdCompressor(_LEVEL).stream_writer(file))
        yield file


def _open(path: Path) -> Any:
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
