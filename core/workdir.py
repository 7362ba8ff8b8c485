"""The folder that a running step writes its outputs in."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

_workdir: ContextVar[Path | None] = ContextVar("orepass_workdir", default=None)


def workdir() -> Path:
    """The fresh folder of the step that is running; what is in it when the step returns belongs to its result.

    In a module that is called as a plain function outside of any flow it is a new temporary folder, which is the
    caller's to remove.
    """
    return current_workdir() or Path(tempfile.mkdtemp(prefix="orepass-"))


def current_workdir() -> Path | None:
    """The folder of the step that is running in this thread; None if none is."""
    return _workdir.get()


@contextlib.contextmanager
def working_in(folder: Path | None) -> Iterator[None]:
    """Make `workdir()` give this folder for the time being."""
    token = _workdir.set(folder)
    try:
        yield
    finally:
        _workdir.reset(token)
