"""What is installed where, and whether it fits together."""

from __future__ import annotations

import contextlib
import importlib.metadata
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from orepass.extensions.places import is_inside


def environment_path() -> list[str]:
    """Where this process finds modules, without extensions."""
    return [place or os.getcwd() for place in sys.path if not is_inside(place)]


def find(name: str, path: Sequence[str]) -> Distribution | None:
    """The installed package of a name that is found first."""
    return next(iter(importlib.metadata.distributions(name=name, path=list(path))), None)


def versions(path: Sequence[str]) -> dict[str, str]:
    """The installed packages' versions by their normalised names; of several of one name, the one found first."""
    found: dict[str, str] = {}
    for one in importlib.metadata.distributions(path=list(path)):
        if one.name:  # not for what a broken installation left
            found.setdefault(canonicalize_name(one.name), one.version)
    return found


def modules_of(distribution: Distribution) -> list[str]:
    """The top-level modules that a package brought."""
    firsts = {(file.parts[0], len(file.parts)) for file in distribution.files or () if file.suffix in (".py", ".so")}
    names = {first if depth > 1 else inspect.getmodulename(first) for first, depth in firsts}
    return sorted(name for name in names if name and name.isidentifier())


def needs(distribution: Distribution, extras: Iterable[str]) -> Iterator[tuple[Requirement, bool]]:
    """What a package requires here, and whether it does so only for one of the extras."""
    for line in distribution.requires or ():
        with contextlib.suppress(InvalidRequirement):  # of old packages; pip ignores those, too
            one = Requirement(line)
            always = one.marker is None or one.marker.evaluate({"extra": ""})
            if always or any(one.marker is not None and one.marker.evaluate({"extra": extra}) for extra in extras):
                one.marker = None
                yield one, not always


def unmet(
    roots: Iterable[tuple[Distribution, Iterable[str]]], path: Sequence[str], environment: Sequence[str]
) -> list[tuple[str, Requirement]]:
    """What extensions require and do not find.

    Args:
        roots: the extensions' own packages, with the extras that are wanted of them.
        path: where packages are looked for, in this order.
        environment: the part of `path` that is not extensions. What packages there require is not looked into, other
            than extras that an extension asks for: it is for their owner to keep that in order.

    Returns:
        The requirements, each with the name of the package that has it.
    """
    problems: list[tuple[str, Requirement]] = []
    seen = set()
    left = [(root.name, one) for root, extras in roots for one, _ in needs(root, extras)]
    while left:
        by, wanted = left.pop()
        if (by, str(wanted)) in seen:
            continue
        seen.add((by, str(wanted)))
        found = find(wanted.name, path)
        if found is None or not _satisfies(found.version, wanted):
            problems.append((by, wanted))
            continue
        owned = find(wanted.name, environment) is not None
        left += [(found.name, one) for one, extra in needs(found, wanted.extras) if extra or not owned]
    return problems


def _satisfies(version: str, wanted: Requirement) -> bool:
    try:
        return wanted.specifier.contains(version, prereleases=True)
    except InvalidVersion:  # some distributions of Linux have their own kind; who is to say
        return True


def differing(folder: Path, environment: Sequence[str], ignored: str) -> list[str]:
    """What the environment has in another version than an extension's folder: one process cannot have both.

    Args:
        folder: the extension's.
        environment: where the environment's packages are.
        ignored: the extension's own package.
    """
    installed = versions([str(folder)]).items()
    there = {name: find(name, environment) for name, _ in installed if name != canonicalize_name(ignored)}
    return [
        f"{name} {version} (the environment has {other.version})"
        for name, version in installed
        if (other := there.get(name)) is not None and other.version != version
    ]
