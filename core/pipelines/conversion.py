"""Values of configuration files as the types that options have."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from orepass.config import validation_lines
from orepass.errors import ConfigError


def convert(value: Any, datatype: Any, name: str) -> Any:
    """A value of a configuration file as the type that an option has.

    Raises:
        ConfigError: it is none of that type.
    """
    adapter: TypeAdapter[Any]
    try:
        adapter = TypeAdapter(datatype)
    except Exception:  # a class that pydantic knows nothing of can only be taken as it is
        adapter = TypeAdapter(datatype, config=ConfigDict(arbitrary_types_allowed=True))
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise ConfigError("; ".join(validation_lines(error, name, within=name))) from None
