"""The key of a result: a digest of everything that decides what the result is.

    key = blake2b(scheme, module name, version, canonical configuration without the ignored fields, element)

The list that an array runs over is in no element's key, so shards can be added, dropped and reordered, and keying N
elements hashes the configuration once. docs/key.md tells what does and does not change a key.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from orepass.canonical import Digest, canonical, dumps

SCHEME = 1
"""Raised when the way keys are made changes, so that old results are not taken for new ones."""


class NoElement(enum.Enum):
    """The type of `NO_ELEMENT`; an Enum, so that it stays the same object in every process."""

    NO_ELEMENT = "no element"


NO_ELEMENT = NoElement.NO_ELEMENT
"""Stands for the element of a module that does not run over an array."""


@dataclass(frozen=True)
class Key:
    """A key and what it was made of.

    Attributes:
        digest: 40 hexadecimal digits.
        config: the canonical configuration.
        element: the canonical element; None without one.
    """

    digest: str
    config: Any
    element: Any = None


def make_keys(module: str, version: str, config: Any, elements: Sequence[Any], digest: Digest) -> Iterator[Key]:
    """The keys of a module's results, one an element.

    Args:
        module: the module's name.
        version: the module's version.
        config: what of the configuration decides the result.
        elements: the array's elements; `[NO_ELEMENT]` for a single run.
        digest: gives the digest of a path's content.

    Raises:
        UnkeyableError: a value that cannot stand in a key.
        InputError: an input file that is not there.
    """
    hashed = canonical(config, digest)
    common = blake2b(dumps([SCHEME, module, version, hashed]), digest_size=20)
    for position, element in enumerate(elements):
        whole = common.copy()
        hashed_element = None
        if element is not NO_ELEMENT:
            hashed_element = canonical(element, digest, f"element[{position}]")
            whole.update(b"\0" + dumps(hashed_element))
        yield Key(whole.hexdigest(), hashed, hashed_element)
