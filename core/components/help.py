"""What a component says of itself on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from orepass.components.arguments import Argument, arguments_of
from orepass.components.component import Component
from orepass.components.docstring import docstring_of
from orepass.components.values import is_list, is_mapping, spelled, without_none

_WRITTEN = "Lists are written A,B and mappings A=1,B=2; quotes keep commas, as in a shell."


def help_of(component: Component) -> str:
    """How a component is used, what it does, and its arguments with their types and defaults.

    Raises:
        ConfigError: its annotations cannot be read.
    """
    arguments = arguments_of(component)
    description, _ = docstring_of(component.function)
    has_many = any(is_list(argument.type) or is_mapping(argument.type) for argument in arguments)
    parser = argparse.ArgumentParser(
        prog=f"orepass app run {component.name}",
        usage=_usage(arguments),
        description=description,
        epilog=_WRITTEN if has_many else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    group = parser.add_argument_group("arguments")
    for argument in arguments:
        _add(group, argument)
    return parser.format_help()


def _usage(arguments: Sequence[Argument]) -> str:
    words = [f"--{argument.name} {_kind(argument)}" for argument in arguments if argument.required]
    words += ["[arguments]"] if any(not one.required and not one.trailing for one in arguments) else []
    words += [f"[-- {argument.name}...]" for argument in arguments if argument.trailing]
    return _literal(" ".join(["%(prog)s", *words])).replace("%%(prog)s", "%(prog)s")


def _add(group: Any, argument: Argument) -> None:
    told = argument.help.rstrip(".")
    if argument.trailing:
        group.add_argument(argument.name, nargs="*", help=_literal(f"{told} ({_kind(argument)}; after `--`)".strip()))
        return
    names = [f"-{argument.name}"] if len(argument.name) == 1 else []
    group.add_argument(
        *names,
        f"--{argument.name}",
        metavar=_kind(argument),
        nargs="?" if without_none(argument.type) is bool else None,
        required=argument.required,
        help=_literal(f"{told} ({_default(argument)})".strip()),
    )


def _kind(argument: Argument) -> str:
    return spelled(without_none(argument.type))


def _default(argument: Argument) -> str:
    if argument.required:
        return "required"
    return f"default: {argument.default!r}" if argument.default in (None, "") else f"default: {argument.default}"


def _literal(text: str) -> str:
    return text.replace("%", "%%")
