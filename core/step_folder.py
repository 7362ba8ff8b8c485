"""The folders that a running step writes in: one for its outputs, one for what it goes on from if it is killed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

_workdir: ContextVar[Path | None] = ContextVar("orepass_workdir", default=None)
_checkpoints: ContextVar[Path | None] = ContextVar("orepass_checkpoints")
CHECKPOINTS_VARIABLE = "OREPASS_CHECKPOINTS"


def workdir() -> Path:
    """The fresh folder of the step that is running; what is in it when the step returns belongs to its result.

    In a module that is called as a plain function outside of any flow it is a new temporary folder, which is the
    caller's to remove.
    """
    return current_workdir() or Path(tempfile.mkdtemp(prefix="orepass-"))


def current_workdir() -> Path | None:
    """The folder of the step that is running in this thread; None if none is."""
    return _workdir.get()


def checkpoint_folder() -> Path | None:
    """The folder for the checkpoints of the step that is running, or that started this script; None outside of a flow.

    What is in it outlives the step's process: the next run of a step with the same key finds it again, on whatever
    machine. It is removed when the step's result is stored, or when nobody has touched it for 90 days.
    """
    told = os.environ.get(CHECKPOINTS_VARIABLE)
    folder = _checkpoints.get(Path(told) if told else None)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def checkpoints_in(folder: Path | None) -> Iterator[None]:
    """Make `checkpoint_folder()` give this folder for the time being."""
    token = _checkpoints.set(folder)
    try:
        yield
    finally:
        _checkpoints.reset(token)


@contextlib.contextmanager
def working_in(folder: Path | None) -> Iterator[None]:
    """Make `workdir()` give this folder for the time being."""
    token = _workdir.set(folder)
    try:
        yield
    finally:
        _workdir.reset(token)
