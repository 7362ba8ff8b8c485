"""Reading logs: their end, or all of them while they grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

_LOOK_EVERY_S = 0.2
_CHUNK = 1 << 20


def tail(file: Path, count: int, size: int = 1 << 16) -> list[str]:
    """The last lines of a file that are not empty; none if it is not there.

    Args:
        file: the file.
        count: how many lines at most.
        size: how much of its end is read, in bytes.
    """
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - size))
            lines = opened.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.strip()][-count:]


def follow(file: Path, ended: Callable[[], bool] | None) -> Iterator[str]:
    """The lines of a file that may still grow, or is not there yet.

    Args:
        file: the file.
        ended: says that nothing more will come; None for what is there now.
    """
    begun: list[bytes] = []  # a line without its end yet, in parts: it may be long
    position = 0
    while True:
        last_look = ended is None or ended()  # before the file is read: what came until then is read yet
        while chunk := _read(file, position):
            position += len(chunk)
            *lines, rest = chunk.split(b"\n")
            if lines:
                lines[0] = b"".join([*begun, lines[0]])
                begun = []
            begun.append(rest)
            yield from (line.decode(errors="replace").removesuffix("\r") for line in lines)
        if last_look:
            break
        time.sleep(_LOOK_EVERY_S)
    if last := b"".join(begun):
        yield last.decode(errors="replace")


def _read(file: Path, position: int) -> bytes:
    try:
        with file.open("rb") as opened:
            opened.seek(position)
            return opened.read(_CHUNK)
    except FileNotFoundError:
        return b""
