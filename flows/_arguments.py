"""Command-line arguments as Hydra has to get them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_MULTIRUN = {"-m", "--multirun"}
_GROUPS = {"data", "encoder", "hydra", "launcher"}
_OVERRIDE = re.compile(r"^(?P<prefix>[+~]{0,2})(?P<key>\w[\w./@:-]*)=(?P<value>.*)$", re.DOTALL)
# A bare word with commas: not a list or mapping, not quoted, no interpolation or function call.
_BARE_WITH_COMMAS = re.compile(r"^[^\[\]{}()'\"$,]*,[^\[\]{}()'\"$]*$")


def for_hydra(arguments: Sequence[str], is_group: Callable[[str], bool] = _GROUPS.__contains__) -> list[str]:
    """Change what Hydra would refuse, or refuse without help.

    * `index_type=OPQ64,IVF1024,PQ64` gets quotes, because a comma is a sweep that nobody asked for without
      `--multirun`.
    * `kk=16` becomes `++kk=16`, so that an option that is not there reaches the typed configuration, whose error lists
      the options that are. What chooses from a group (`launcher=debug`) stays.

    Args:
        arguments: without the program's name.
        is_group: whether a name is that of a configuration group.
    """
    multirun = bool(_MULTIRUN & set(arguments))
    return [_changed(argument, multirun, is_group) for argument in arguments]


def _changed(argument: str, multirun: bool, is_group: Callable[[str], bool]) -> str:
    found = _OVERRIDE.match(argument)
    if found is None:
        return argument
    prefix, key, value = found["prefix"], found["key"], found["value"]
    chooses = is_group(re.split(r"[./@]", key)[0]) and "." not in key and not value.startswith("{")
    if not prefix and not chooses and not key.startswith("hydra"):
        prefix = "++"
    if not multirun and _BARE_WITH_COMMAS.match(value):
        value = f"'{value}'"
    return f"{prefix}{key}={value}"
