"""Components by name: those of this library, those that other packages register, and those in files.

A package registers its components as entry points of the group `orepass.components`:

    [project.entry-points."orepass.components"]
    "train.translation" = "my_package.components:translation"
"""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import replace

from orepass.components.component import Component, one_line
from orepass.components.docstring import first_line
from orepass.components.files import component_of_file, component_of_module
from orepass.errors import ConfigError, did_you_mean

GROUP = "orepass.components"


@functools.cache  # looking through all that is installed takes a tenth of a second
def registered_components() -> dict[str, str]:
    """Where the components are that have a name: `package.module:function` by name."""
    return {entry.name: entry.value for entry in sorted(importlib.metadata.entry_points(group=GROUP))}


def list_components() -> dict[str, str]:
    """The first line of each component's docstring, by name; for one that cannot be imported, why."""
    return {name: _told(name) for name in registered_components()}


def find_component(name: str) -> Component:
    """The component of a name.

    Args:
        name: a registered name such as `utils.echo`, or its last part where only one has it; `path/file.py` for the
            variable `app` of a file, or the only function in it that returns an app spec; `path/file.py:function`;
            `package.module:function`.

    Raises:
        ConfigError: there is none, it cannot be imported, or it is not clear which is meant.
    """
    if is_place(name):
        place = name.partition(":")[0]
        is_module = ":" in name and not name.endswith(".py") and "/" not in place and not place.endswith(".py")
        return component_of_module(name) if is_module else component_of_file(name)
    registered = registered_components()
    full = [name] if name in registered else [known for known in registered if known.endswith(f".{name}")]
    if len(full) > 1:
        raise ConfigError(f"The name {name!r} has several components. Say which is meant: {', '.join(full)}.")
    if not full:
        raise ConfigError(
            f"No component {name!r}. {did_you_mean(name, registered)} Or a place: path/file.py, "
            "path/file.py:function, package.module:function."
        )
    return replace(component_of_module(registered[full[0]]), name=full[0])


def is_place(name: str) -> bool:
    """Whether a name says where a component is, and is none that is registered."""
    return ":" in name or "/" in name or name.endswith(".py")


def _told(name: str) -> str:
    try:
        return first_line(find_component(name).function)
    except ConfigError as error:
        return one_line(error)
