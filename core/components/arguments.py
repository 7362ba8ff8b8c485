"""The arguments of components: what a function's signature and docstring say of them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orepass.components.component import Component
from orepass.components.docstring import docstring_of
from orepass.components.values import UNTYPED
from orepass.errors import ConfigError

REQUIRED = inspect.Parameter.empty
_KINDS = (bool, int, float, str)


@dataclass(frozen=True)
class Argument:
    """An argument of a component.

    Attributes:
        name: its name; `--name` on the command line.
        type: the type of its value; `UNTYPED` if neither an annotation nor the default tells it.
        default: its value if it is not given; `REQUIRED` if it has to be.
        help: what the docstring says of it.
        trailing: whether it takes the words after `--`, as `*args` does.
    """

    name: str
    type: Any
    default: Any
    help: str
    trailing: bool

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.default is REQUIRED and not self.trailing


def arguments_of(component: Component) -> list[Argument]:
    """The arguments of a component in the order of its signature; `**kwargs` take nothing, and are left out.

    Raises:
        ConfigError: the annotations name what is not there.
    """
    hints = _hints(component)
    _, texts = docstring_of(component.function)
    return [
        Argument(
            name=parameter.name,
            type=_type(parameter, hints),
            default=parameter.default,
            help=texts.get(parameter.name, ""),
            trailing=parameter.kind is parameter.VAR_POSITIONAL,
        )
        for parameter in _parameters(component.function)
        if parameter.kind is not parameter.VAR_KEYWORD
    ]


def call(function: Callable[..., Any], values: dict[str, Any]) -> Any:
    """Call a function with values by name; those of `*args` are a list."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for parameter in _parameters(function):
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += values.get(parameter.name, [])
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.name in values:
            named[parameter.name] = values[parameter.name]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            positional.append(values.get(parameter.name, parameter.default))
    return function(*positional, **named)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return [*inspect.signature(function).parameters.values()]


def _hints(component: Component) -> dict[str, Any]:
    function = inspect.unwrap(component.function)
    try:
        return typing.get_type_hints(function)
    except NameError as error:
        raise ConfigError(
            f"The annotations of {component.name} ({component.where}) cannot be read: {error}. What they name has to "
            "be imported at the top of its file, not only for type checking."
        ) from error
    except TypeError:  # no function, such as a `functools.partial`, which has no annotations of its own
        return {}


def _type(parameter: inspect.Parameter, hints: dict[str, Any]) -> Any:
    """The type as it is annotated, or as the default has it."""
    if parameter.name in hints:
        return UNTYPED if hints[parameter.name] is Any else hints[parameter.name]
    if parameter.kind is parameter.VAR_POSITIONAL:
        return str
    if isinstance(parameter.default, (list, tuple)):
        return list[str]
    if isinstance(parameter.default, dict):
        return dict[str, str]
    return type(parameter.default) if isinstance(parameter.default, _KINDS) else UNTYPED
