"""Where an app finds what it reads, and where it writes: words in its spec, and variables in its environment.

    {output}               OREPASS_OUTPUT                  the folder for what it writes
    {inputs[0]} ...        OREPASS_INPUT_0 ...             what it reads

They are no macros of TorchX (`${...}`), because in a YAML file OmegaConf would fill those in. Other braces stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from orepass.errors import ConfigError
from orepass.specs import AppDef, macros
from orepass.specs.documents import from_document, to_document

_WITH_MACROS = ("args", "env", "metadata")
_WORD = re.compile(r"\{(?:output|inputs\[(\d+)\])\}")


def with_places(app: AppDef, output: Path, inputs: Sequence[Path]) -> AppDef:
    """A copy of an app with its places filled in.

    Args:
        app: what is to run; its words can be anywhere in its roles.
        output: the folder for what it writes.
        inputs: what it reads.
    """
    places = [str(path.absolute()) for path in inputs]

    def fill(text: str, dollar: str = "$") -> str:
        def place(word: re.Match[str]) -> str:
            return (places[int(word[1])] if word[1] else str(output)).replace("$", dollar)

        return _WORD.sub(place, text)

    document = to_document(app)
    for role in document["roles"]:
        for name, value in role.items():
            role[name] = _each_text(value, partial(fill, dollar="$$") if name in _WITH_MACROS else fill)
    placed = from_document(document)
    variables = {f"OREPASS_INPUT_{number}": place for number, place in enumerate(places)}
    for role in placed.roles:
        own = {name: macros.literal(place) for name, place in {"OREPASS_OUTPUT": str(output), **variables}.items()}
        role.env = {**own, **role.env}
    return placed


def check_places(app: AppDef, inputs: Sequence[Path]) -> None:
    """Raise a ConfigError if an app names an input that it has not."""
    for text in texts(to_document(app)):
        for word in _WORD.finditer(text):
            if word[1] and int(word[1]) >= len(inputs):
                raise ConfigError(f"{word[0]} is in the app {app.name!r}, but it has {len(inputs)} inputs. Give more.")


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _each_text(member, change) for key, member in value.items()}
    return [_each_text(member, change) for member in value] if isinstance(value, list) else value


def texts(value: Any) -> Iterator[str]:
    """All texts in a document, without the keys of its mappings."""
    if isinstance(value, str):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(member)
