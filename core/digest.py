"""The digest that stands for a file's content in a key: xxh3-128, remembered per size, mtime and inode."""

from __future__ import annotations

import os
import time
from pathlib import Path

import xxhash

from orepass.atomic import write_atomically
from orepass.errors import InputError

_BLOCK = 1 << 20
# Below this a digest costs no more than looking it up in the memo.
_WORTH_REMEMBERING = 1 << 18
# A file changed this recently may change again within one tick of its mtime, unseen by the memo.
_SETTLED_AFTER_S = 2.0


def digest_path(path: Path, memo: Path | None = None) -> str:
    """The digest of what a file, or a folder with all that is in it, contains.

    Args:
        path: a file or a folder. Its own name and place do not count; in a folder the names of its files do.
        memo: a folder in which digests of large files are remembered under their path, size, mtime and inode.

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
    files = (file for file in path.rglob("*") if file.is_file())
    return combine({file.relative_to(path).as_posix(): _digest_file(file, memo) for file in files})


def _digest_file(path: Path, memo: Path | None) -> str:
    with open(path, "rb") as file:
        before = os.fstat(file.fileno())
        remembered = None
        settled = time.time() - before.st_mtime > _SETTLED_AFTER_S
        if memo is not None and settled and before.st_size >= _WORTH_REMEMBERING:
            identity = f"{path.resolve()}\0{before.st_size}\0{before.st_mtime_ns}\0{before.st_ino}"
            name = xxhash.xxh3_128_hexdigest(os.fsencode(identity))
            remembered = memo / name[:2] / name
            if remembered.exists():
                return remembered.read_text()
        whole = xxhash.xxh3_128()
        while block := file.read(_BLOCK):
            whole.update(block)
    if remembered is not None:
        try:
            write_atomically(remembered, whole.hexdigest().encode(), durable=False)
        except OSError:
            return whole.hexdigest()  # a store that cannot be written is reported where a result is stored
    return whole.hexdigest()
