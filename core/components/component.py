"""A component: a function that returns an app spec, and how it was named."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orepass.specs import AppDef


@dataclass(frozen=True)
class Component:
    """A function that returns an app spec.

    Attributes:
        name: what it is called on the command line.
        function: the function.
        folder: where modules are imported from that the function imports when it is called; None for a function of an
            installed package.
    """

    name: str
    function: Callable[..., AppDef]
    folder: Path | None = None

    @property
    def where(self) -> str:
        """Its file and line, as far as they are known."""
        function = inspect.unwrap(self.function)
        code = getattr(function, "__code__", None)
        return f"{code.co_filename}, line {code.co_firstlineno}" if code else getattr(function, "__module__", "?")


@contextmanager
def imports_from(folder: Path | None) -> Iterator[None]:
    """Let modules that lie in a folder be imported, before all others, as `python file.py` does."""
    if folder is None:
        yield
        return
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def place_of(error: BaseException, file: str) -> str:
    """The file and line at which an error arose: the last one in a file, if it came through it, or else the last."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if frame.filename == file), frames[-1])
    return f"{frame.filename}, line {frame.lineno}"


def one_line(error: BaseException) -> str:
    """The kind of an error, and what it says."""
    return " ".join(traceback.format_exception_only(error)[-1].split())


def file_of(function: Callable[..., Any]) -> str:
    """The file that a function is defined in."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code.co_filename if code else ""
