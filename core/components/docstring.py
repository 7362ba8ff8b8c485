"""What docstrings of components say, in Google's style."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def first_line(function: Callable[..., Any]) -> str:
    """The first line of a function's docstring; empty if it has none."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


def docstring_of(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """What a function's docstring says of it, and of its arguments by name; `Args:` in Google's style is understood."""
    from griffe import Docstring, DocstringSectionKind  # takes a while

    parsed = Docstring(inspect.getdoc(function) or "").parse("google", warnings=False)
    texts = [section.value for section in parsed if section.kind is DocstringSectionKind.text]
    arguments = {
        parameter.name.lstrip("*"): " ".join(parameter.description.split())
        for section in parsed
        if section.kind is DocstringSectionKind.parameters
        for parameter in section.value
    }
    return "\n\n".join(texts), arguments
