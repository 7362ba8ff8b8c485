"""Puts results where people look for them: under a plain name outside of the store."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path

from orepass.atomic import write_atomically
from orepass.errors import StoreError


def publish(result: Path, folder: Path, name: str | None = None) -> Path:
    """Show a file of the store in a folder: as a hard link where the file system can, else as a copy.

    Published files cannot be written to, because a link is the file in the store.

    Args:
        result: a file.
        folder: where it goes; made if it is not there.
        name: what it is called there; its own name, if not given. What had that name before is replaced.

    Returns:
        Where it is now.

    Raises:
        StoreError: the folder cannot be written.
    """
    place = folder / (name or result.name)
    temporary = folder / f".{place.name}.{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            os.link(result, temporary)
        except OSError:
            shutil.copy2(result, temporary)
        os.replace(temporary, place)
        temporary.unlink(missing_ok=True)  # POSIX: renaming a link onto another one to the same file does nothing
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StoreError(
            f"Cannot put {result.name} in {str(folder)!r}: {error.strerror}. Give another output_dir; "
            f"the result itself is safe at {result}."
        ) from error
    return place


def publish_text(text: str, place: Path) -> Path:
    """Write what people are told of results.

    Args:
        text: of the file.
        place: where it goes; its folder is made. What was there before is replaced.

    Returns:
        The same place.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        write_atomically(place, text.encode())
    except OSError as error:
        raise StoreError(
            f"Cannot write {place.name} to {str(place.parent)!r}: {error.strerror}. Give another output_dir; what was "
            "computed is in the store."
        ) from error
    return place
