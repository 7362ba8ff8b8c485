"""The words of a command line that are for a component."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orepass.components.arguments import Argument
from orepass.components.values import without_none
from orepass.errors import ConfigError, did_you_mean

_HELP = "--help"
_TRUTHS = {"true", "false", "yes", "no", "1", "0"}


@dataclass
class Words:
    """What a command line says.

    Attributes:
        named: the texts of arguments, by name.
        trailing: the words for `*args`.
        help: whether `--help` is among the named ones.
    """

    named: dict[str, str] = field(default_factory=dict)
    trailing: list[str] = field(default_factory=list)
    help: bool = False


def read_words(component: str, arguments: Sequence[Argument], words: Sequence[str]) -> Words:
    """Tell the words of a command line apart.

    `--name value` or `--name=value`; `-n value` or `-nvalue`, too, where the name is one letter; `--flag` and
    `--no-flag` for truth values. What follows `--`, or the first word that belongs to no name, is for `*args`.

    Args:
        component: its name, for error messages.
        arguments: those that it has.
        words: the command line after the component.

    Raises:
        ConfigError: an argument that the component has not, one that is given twice, or one without its value.
    """
    found = Words()
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        option, equals, text = _parts(rest.pop(0))
        if option == _HELP:
            found.help = True
            continue
        argument, denied = _argument(component, arguments, option)
        if denied and not equals:
            text = "false"
        elif not equals:
            text = _value(argument, option, rest)
        elif denied:
            raise ConfigError(f"{component}: {option} takes no value.")
        if argument.name in found.named:
            raise ConfigError(f"{component}: --{argument.name} is given twice. Lists are written A,B.")
        found.named[argument.name] = text
    found.trailing = rest[1:] if rest[:1] == ["--"] else rest
    if found.trailing and not any(argument.trailing for argument in arguments):
        raise ConfigError(
            f"{component} takes no arguments without a name, but {found.trailing[0]!r} has none. {_valid(arguments)}"
        )
    return found


def _parts(word: str) -> tuple[str, str, str]:
    """An option, what parts it from its value, and that; the last two are empty if the value is no part of the word."""
    if not word.startswith("--") and "=" not in word[:3]:
        return word[:2], "=" if word[2:] else "", word[2:]
    return word.partition("=")


def _argument(component: str, arguments: Sequence[Argument], option: str) -> tuple[Argument, bool]:
    """The argument of an option, and whether the option denies it."""
    named = {argument.name: argument for argument in arguments if not argument.trailing}
    name = option.lstrip("-")
    for known in (name, name.replace("-", "_")):
        if known in named and (option.startswith("--") or len(known) == 1):
            return named[known], False
        flag = named.get(known[3:])
        if known[:3] in ("no-", "no_") and flag is not None and without_none(flag.type) is bool:
            return flag, True
    hint = did_you_mean(option, [f"--{name}" for name in named]) if named else "It has none."
    after = " What is for the program itself goes after `--`." if len(named) < len(arguments) else ""
    raise ConfigError(f"{component} has no argument {option!r}. {hint}{after}")


def _value(argument: Argument, option: str, rest: list[str]) -> str:
    """The text that follows an option; takes it."""
    if without_none(argument.type) is bool:
        return rest.pop(0) if rest and rest[0].lower() in _TRUTHS else "true"
    if not rest or rest[0].startswith("--"):
        raise ConfigError(f"{option} has no value. Write {option}=VALUE for one that begins with `--`.")
    return rest.pop(0)


def _valid(arguments: Sequence[Argument]) -> str:
    names = [f"--{argument.name}" for argument in arguments]
    return f"Valid: {', '.join(names)}." if names else "It takes none at all."
