"""Links: what an argument takes from another stage, `!@ stage[key][other].attribute.attribute`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from orepass.errors import ConfigError
from orepass.runnables.tree import Element, Key, Path, Place, refusal

_STAGE, _KEY, _ATTRIBUTE = r"[^\W\d][\w-]*", r"[^\[\]]+", r"[^\W\d_]\w*"
_LINK = re.compile(rf"(?P<stage>{_STAGE})(?P<keys>(?:\[{_KEY}\])*)(?P<attributes>(?:\.{_ATTRIBUTE})*)")


@dataclass(frozen=True)
class Link(Element):
    """Something of what another stage built: walk to an object by keys, then take attributes of it.

    Attributes:
        stage: the name of the stage.
        keys: names of arguments and keys of mappings; numbers of positional arguments and of members of lists.
        attributes: of the object found there, each of the one before. None that begin with `_`.
    """

    stage: str
    keys: tuple[Key, ...] = ()
    attributes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if _parsed(str(self)) != (self.stage, self.keys, self.attributes):
            raise refusal(self.place, _not_a_link(str(self)))

    def __str__(self) -> str:
        """As it is written."""
        return self.stage + "".join(f"[{key}]" for key in self.keys) + "".join(f".{name}" for name in self.attributes)

    def further(self, keys: Path) -> Self:
        """The link to what is at more keys of an object.

        Raises:
            ConfigError: this one has attributes, and nobody knows what they were built of.
        """
        if keys and self.attributes:
            told = "".join(f"[{key}]" for key in keys)
            raise ConfigError(f"{told} cannot be taken of {self}: keys go to what was built, and this is an attribute.")
        return replace(self, keys=(*self.keys, *keys))

    @classmethod
    def read(cls, text: object, place: Place | None = None) -> Self:
        """The link that a text means.

        Raises:
            ConfigError: it is none.
        """
        parsed = _parsed(text) if isinstance(text, str) else None
        if parsed is None:
            raise refusal(place, _not_a_link(text))
        return cls(*parsed, place=place)


def _parsed(text: str) -> tuple[str, tuple[Key, ...], tuple[str, ...]] | None:
    found = _LINK.fullmatch(text)
    if found is None:
        return None
    keys = re.findall(r"\[([^\[\]]+)\]", found["keys"])
    numbered = tuple(int(key) if re.fullmatch("0|[1-9][0-9]*", key) else key for key in keys)
    return found["stage"], numbered, tuple(found["attributes"].split(".")[1:])


def _not_a_link(text: object) -> str:
    return f"{text!r} is no link. Write !@ STAGE, with [KEY] and .ATTRIBUTE as often as needed: !@ train[model].encoder"
