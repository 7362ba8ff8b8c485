"""Typed configurations: frozen dataclasses that Hydra, plain JSON or Python fill with the same keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from functools import cache, partial
from typing import Any, TypeVar, cast, get_type_hints

from omegaconf import Container
from pydantic import BaseModel, GetCoreSchemaHandler, TypeAdapter, ValidationError, create_model
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from orepass.canonical import resolved
from orepass.errors import ConfigError, did_you_mean

T = TypeVar("T")


class Config:
    """Mixin of configuration dataclasses: an unknown option is an error that lists the valid ones.

    It has no fields. It is what `load` and Prefect's own checking of flow parameters go by.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the names of the options before pydantic converts their values."""
        return core_schema.no_info_before_validator_function(partial(_check_names, cls), handler(source))


def load(cls: type[T], options: Any) -> T:
    """Make a configuration of type `cls` from a mapping, a DictConfig or an instance of `cls`.

    Args:
        cls: a dataclass.
        options: its fields by name, nested as the dataclass is; values are converted (a string to a Path).

    Raises:
        ConfigError: options that are unknown, missing or of the wrong type: all of them in one message.
    """
    if isinstance(options, cls):
        return options
    if isinstance(options, Container):
        options = resolved(options, cls.__name__)
    if isinstance(options, Mapping):
        _refuse_unknown(cls, options)
    try:
        return cast(T, _adapter(cast(Hashable, cls)).validate_python(options))
    except ValidationError as error:
        raise ConfigError(explain_validation(cls.__name__, error)) from None


def check_types(value: Any, name: str) -> None:
    """See that the fields of a dataclass hold what their annotations say, without any conversion.

    Dataclasses in it are not looked into.

    Args:
        value: the dataclass.
        name: what to call it.

    Raises:
        ConfigError: some do not: all of them in one message.
    """
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    try:
        _fields_model(cast(Hashable, type(value))).model_validate(fields, strict=True)
    except ValidationError as error:
        raise ConfigError(explain_validation(name, error)) from None


def explain_validation(name: str, error: ValidationError) -> str:
    """One line an error: which option, what was given, what was expected."""
    return "\n  ".join([f"{name} cannot be used:", *validation_lines(error, "(top level)")])


def validation_lines(error: ValidationError, top: str, within: str = "") -> list[str]:
    """What is wrong, one line an error.

    Args:
        error: of pydantic.
        top: how the value as a whole is called.
        within: what stands before the names of its parts.
    """
    lines = []
    for problem in error.errors(include_url=False):
        where = within
        for part in problem["loc"]:
            where += f"[{part}]" if isinstance(part, int) else f".{part}" if where else part
        where = where or top
        if problem["type"] == "missing":
            lines.append(f"{where}: required, but not given.")
        elif problem["type"] == "orepass_unknown_option":
            lines.append(f"{where}: {problem['msg']}")
        elif problem["type"] == "value_error":  # raised by the configuration's own checks, which say it all
            lines.append(f"{where}: {problem['ctx']['error']}")
        else:
            lines.append(f"{where}: {problem['msg']}, got {problem['input']!r}.")
    return lines


def _check_names(cls: type, value: Any) -> Any:
    if isinstance(value, Mapping):
        for name in value:
            if name not in _names(cls):
                message = f"no option {name!r} in {cls.__name__}. {did_you_mean(str(name), _names(cls))}"
                raise PydanticCustomError("orepass_unknown_option", "{message}", {"message": message})
    return value


def _refuse_unknown(cls: type, options: Mapping[Any, Any]) -> None:
    for name in options:
        if dataclasses.is_dataclass(cls) and name not in _names(cls):
            raise ConfigError(f"No option {name!r} in {cls.__name__}. {did_you_mean(str(name), _names(cls))}")


def _names(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls) if field.init]


@cache
def _adapter(cls: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(type[Any], cls))


@cache
def _fields_model(cls: Hashable) -> type[BaseModel]:
    hints = get_type_hints(cls)
    return create_model("Fields", **{name: (hints[name], ...) for name in _names(cast(type[Any], cls))})  # type: ignore[call-overload, no-any-return]
