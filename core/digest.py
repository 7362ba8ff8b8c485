"""The digest that stands for a file's content in a key: xxh3-128, remembered per size, times and inode."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import xxhash

from orepass.atomic import write_atomically
from orepass.errors import InputError

_BLOCK = 1 << 20
# Below this a digest costs no more than looking it up in the memo.
_WORTH_REMEMBERING = 1 << 18
# A file changed this recently may change again within one tick of its times, unseen by the memo.
_SETTLED_AFTER_S = 2.0
_DIGITS = 32


def digest_path(path: Path, memo: Path | None = None) -> str:
    """The digest of what a file, or a folder with all that is in it, contains.

    Args:
        path: a file or a folder. Its own name and place do not count; in a folder the names of its files do.
        memo: a folder in which digests of large files are remembered under their path, size, times and inode.

    Returns:
        32 hexadecimal digits.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    try:
        if path.is_dir():
            return _digest_folder(path, memo)
        return _digest_file(path, memo)
    except FileNotFoundError:
        raise InputError(f"No such file or folder: {str(path)!r}. Check the path and the working directory.") from None
    except OSError as error:
        raise InputError(f"Cannot read {str(path)!r}: {error.strerror}.") from error


def combine(digests: dict[str, str]) -> str:
    """The digest of a folder, from those of its files by their POSIX path relative to it."""
    whole = xxhash.xxh3_128()
    for name in sorted(digests):
        whole.update(os.fsencode(name) + b"\0" + digests[name].encode() + b"\0")
    return whole.hexdigest()


def _digest_folder(path: Path, memo: Path | None) -> str:
    return combine({name: _digest_file(path / name, memo) for name in _files_below(path, ())})


def _files_below(folder: Path, above: tuple[str, ...]) -> Iterator[str]:
    """The files in a folder and in those in it, linked ones too, as POSIX paths relative to it."""
    real = os.path.realpath(folder)
    if real in above:
        raise InputError(f"{str(folder)!r} is a link to a folder that it is in itself. Remove it.")
    with os.scandir(folder) as entries:
        inside = list(entries)
    for found in inside:
        if found.is_dir():
            for name in _files_below(folder / found.name, (*above, real)):
                yield f"{found.name}/{name}"
        elif found.is_file():
            yield found.name


def _digest_file(path: Path, memo: Path | None) -> str:
    with open(path, "rb") as file:
        remembered = _place_in(memo, path, os.fstat(file.fileno())) if memo is not None else None
        if remembered is not None and (digest := _recall(remembered)):
            return digest
        whole = xxhash.xxh3_128()
        while block := file.read(_BLOCK):
            whole.update(block)
    if remembered is not None:
        # A store that cannot be written is reported where a result is stored.
        with contextlib.suppress(OSError):
            write_atomically(remembered, whole.hexdigest().encode(), durable=False)
    return whole.hexdigest()


def _place_in(memo: Path, path: Path, state: os.stat_result) -> Path | None:
    """Where the memo keeps the digest of a file in this state; None for a file that it does not keep."""
    # mtime can be set back after a change, ctime cannot.
    settled = time.time() - max(state.st_mtime, state.st_ctime) > _SETTLED_AFTER_S
    if not settled or state.st_size < _WORTH_REMEMBERING:
        return None
    identity = f"{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ctime_ns}\0{state.st_ino}"
    name = xxhash.xxh3_128_hexdigest(os.fsencode(identity))
    return memo / name[:2] / name


def _recall(remembered: Path) -> str | None:
    try:
        digest = remembered.read_text()
    except (OSError, ValueError):
        return None
    return digest if len(digest) == _DIGITS else None  # a power cut can leave less
