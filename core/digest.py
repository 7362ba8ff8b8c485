"""The digest that stands for a file's content in a key: xxh3-128, remembered per size, times and inode."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import xxhash

from orepass.atomic import write_atomically
from orepass.errors import InputError

_BLOCK = 1 << 20
# Below this a digest costs no more than looking it up in the memo.
_WORTH_REMEMBERING = 1 << 18
# A file changed this recently may change again within one tick of its times, unseen by the memo.
_SETTLED_AFTER_S = 2.0
_DIGITS = 32
_KNOWN_AT_MOST = 200_000  # files, which is some 60 MB

# What this process has read: a folder of many small files is an input of many steps.
_known: dict[tuple[int, ...], str] = {}


def digest_path(path: Path, memo: Path | None = None) -> str:
    """The digest of what a file, or a folder with all that is in it, contains.

    Args:
        path: a file or a folder. Its own name and place do not count; in a folder the names of its files do.
        memo: a folder in which digests of large files are remembered under their path, size, times and inode. With it,
            this process remembers those of small ones, too. Without it everything is read.

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
    return combine({name: _digest_file(path / name, memo) for name in _files_below(path)})


def _files_below(path: Path) -> Iterator[str]:
    """The files in a folder and in those in it, linked ones too, as POSIX paths relative to it."""
    folders: list[tuple[str, str, tuple[str, ...]]] = [(str(path), "", ())]
    while folders:
        folder, name, above = folders.pop()
        above = (*above, folder)
        with os.scandir(folder) as entries:
            for found in entries:
                if found.is_dir():
                    if found.is_symlink() and any(os.path.samefile(found.path, one) for one in above):
                        raise InputError(f"{found.path!r} is a link to a folder that it is in itself. Remove it.")
                    folders.append((found.path, f"{name}{found.name}/", above))
                elif found.is_file():
                    yield f"{name}{found.name}"


def _digest_file(path: Path, memo: Path | None) -> str:
    if memo is None:
        with open(path, "rb") as file:
            return _read(file)
    known = _known.get(_identity(os.stat(path)))
    if known is not None:
        return known
    with open(path, "rb") as file:
        state = os.fstat(file.fileno())
        settled = time.time() - max(state.st_mtime, state.st_ctime) > _SETTLED_AFTER_S
        remembered = _place_in(memo, path, state) if settled and state.st_size >= _WORTH_REMEMBERING else None
        digest = _recall(remembered) if remembered is not None else None
        if digest is None:
            digest = _read(file)
            if remembered is not None:
                # A store that cannot be written is reported where a result is stored.
                with contextlib.suppress(OSError):
                    write_atomically(remembered, digest.encode(), durable=False)
    if settled:
        if len(_known) >= _KNOWN_AT_MOST:
            _known.clear()
        _known[_identity(state)] = digest
    return digest


def _read(file: BinaryIO) -> str:
    whole = xxhash.xxh3_128()
    while block := file.read(_BLOCK):
        whole.update(block)
    return whole.hexdigest()


def _identity(state: os.stat_result) -> tuple[int, ...]:
    """What changes when a file's content does: mtime can be set back after a change, ctime cannot."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _place_in(memo: Path, path: Path, state: os.stat_result) -> Path:
    """Where the memo keeps the digest of a file in this state."""
    identity = f"{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ctime_ns}\0{state.st_ino}"
    name = xxhash.xxh3_128_hexdigest(os.fsencode(identity))
    return memo / name[:2] / name


def _recall(remembered: Path) -> str | None:
    try:
        digest = remembered.read_text()
    except (OSError, ValueError):
        return None
    return digest if len(digest) == _DIGITS else None  # a power cut can leave less
