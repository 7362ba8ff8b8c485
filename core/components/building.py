"""From a component and what is given for its arguments to an app spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orepass.components.arguments import Argument, arguments_of, call
from orepass.components.component import Component, file_of, imports_from, one_line, place_of
from orepass.components.values import UNTYPED, convert
from orepass.components.words import read_words
from orepass.errors import ConfigError, OrepassError, did_you_mean
from orepass.specs import AppDef, Role


def build_app(component: Component, words: Sequence[str] = (), config: Mapping[str, Any] | None = None) -> AppDef:
    """Call a component.

    Args:
        component: as `find_component` finds it.
        words: of the command line, such as `["--j", "2x2", "--", "--lr", "0.1"]`; they win over the others.
        config: values of arguments by name, such as those of a settings file; they win over the signature.

    Raises:
        ConfigError: an argument that is wrong or lacking, or a component that fails or returns something else.
    """
    arguments = arguments_of(component)
    values = _values(component.name, arguments, words, config or {})
    lacking = [f"--{argument.name}" for argument in arguments if argument.required and argument.name not in values]
    if lacking:
        raise ConfigError(
            f"{component.name} needs {' and '.join(lacking)}. Its arguments: "
            f"{', '.join(f'--{argument.name}' for argument in arguments)}."
        )
    app = _called(component, values)
    # Text that looks like a number is a number to a component that does not say its types; as text it is the same.
    return _with_text(app) if any(argument.type is UNTYPED for argument in arguments) else app


def asks_for_help(component: Component, words: Sequence[str]) -> bool:
    """Whether `--help` is among the words that are for the component and not for `*args`.

    Raises:
        ConfigError: the words cannot be told apart.
    """
    return read_words(component.name, arguments_of(component), words).help


def _values(
    component: str, arguments: Sequence[Argument], words: Sequence[str], config: Mapping[str, Any]
) -> dict[str, Any]:
    given = read_words(component, arguments, words)
    known = {argument.name: argument for argument in arguments}
    values: dict[str, Any] = {}
    for name, value in config.items():
        if name not in known:
            raise ConfigError(
                f"{component} has no argument {name!r}, which its configuration gives. {did_you_mean(name, known)}"
            )
        where = f"{component}: {name} of its configuration"
        if not known[name].trailing:
            values[name] = convert(value, known[name].type, where)
        elif isinstance(value, list):
            values[name] = [convert(member, known[name].type, where) for member in value]
        else:
            raise ConfigError(f"{where}: {value!r} is no list of words.")
    for name, text in given.named.items():
        values[name] = convert(text, known[name].type, f"{component}: --{name}")
    for argument in arguments:
        if argument.trailing and given.trailing:
            where = f"{component}: {argument.name}"
            values[argument.name] = [convert(word, argument.type, where) for word in given.trailing]
    return values


def _called(component: Component, values: dict[str, Any]) -> AppDef:
    try:
        with imports_from(component.folder):
            app = call(component.function, values)
    except OrepassError:
        raise
    except Exception as error:
        place = place_of(error, file_of(component.function))
        raise ConfigError(f"The component {component.name} failed: {place}: {one_line(error)}") from error
    if not isinstance(app, AppDef):
        kind = f"{type(app).__module__}.{type(app).__qualname__}".removeprefix("builtins.")
        raise ConfigError(
            f"The component {component.name} ({component.where}) returned a {kind}, not an AppDef of orepass.specs."
        )
    return app


def _with_text(app: AppDef) -> AppDef:
    roles = [_role_with_text(role) for role in app.roles] if isinstance(app.roles, list) else app.roles
    return replace(app, name=_text(app.name), roles=roles)


def _role_with_text(role: Any) -> Any:
    if not isinstance(role, Role):
        return role
    fields = {name: _text(getattr(role, name)) for name in ("name", "image", "entrypoint", "args", "env")}
    return replace(role, **fields)


def _text(value: Any) -> Any:
    """Numbers in a value as text; what else is wrong with it `check_app` tells."""
    if isinstance(value, dict):
        return {_text(name): _text(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_text(member) for member in value]
    return str(value) if isinstance(value, (int, float)) else value
