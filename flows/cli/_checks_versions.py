"""Versions: whether what is installed is what the installed orepass says that it needs, and which extras are there."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import orepass
from orepass.flows.cli._checks import Finding, State

# Builds of FAISS for GPUs have other names.
_SAME = {"faiss-cpu": ("faiss", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss-gpu-cu13")}


@dataclass(frozen=True)
class Unmet:
    """A requirement that is not met: `found` is the version that is there, None if there is none."""

    requirement: Requirement
    found: str | None

    def __str__(self) -> str:
        what = f"{self.requirement.name}{self.requirement.specifier}"
        return what if self.found is None else f"{what} (here is {self.found})"


def check_versions(package: str = "orepass") -> list[Finding]:
    """Compare what a package needs, and what each of its extras needs, with what is installed.

    Args:
        package: the name of an installed distribution.
    """
    python = Finding("Python", "ok", f"{platform.python_version()} in {sys.prefix}")
    here = Path(orepass.__file__).parent
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return [python, Finding(package, "trouble", f"not installed, but used from {here}", "Install it with pip.")]
    return [
        python,
        Finding(package, "ok", f"{distribution.version} in {here}"),
        _needed(distribution),
        *(_extra(distribution, name) for name in distribution.metadata.get_all("Provides-Extra") or ()),
    ]


def unmet(distribution: importlib.metadata.Distribution, extra: str = "") -> list[Unmet]:
    """What a distribution needs, or what one of its extras needs besides, and is not there in a version that fits."""
    found = [Unmet(requirement, installed(requirement.name)) for requirement in _requirements(distribution, extra)]
    return [one for one in found if one.found is None or not one.requirement.specifier.contains(one.found, True)]


def installed(name: str) -> str | None:
    """The version of a distribution, or of one that stands for it; None if there is none."""
    for candidate in (name, *_SAME.get(canonicalize_name(name), ())):
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _requirements(distribution: importlib.metadata.Distribution, extra: str) -> Iterator[Requirement]:
    for line in distribution.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if not (marker.evaluate({"extra": extra}) if marker else not extra):
            continue
        if extra and marker and marker.evaluate({"extra": ""}):
            continue
        if canonicalize_name(requirement.name) == canonicalize_name(distribution.name):  # an extra made of others
            for other in requirement.extras:
                yield from _requirements(distribution, other)
        else:
            yield requirement


def _needed(distribution: importlib.metadata.Distribution) -> Finding:
    if lacking := unmet(distribution):
        return Finding("requirements", "trouble", f"lacks {_listed(lacking)}", _remedy(lacking))
    return Finding("requirements", "ok", f"all {len(list(_requirements(distribution, '')))} are there and fit")


def _extra(distribution: importlib.metadata.Distribution, name: str) -> Finding:
    lacking = unmet(distribution, name)
    if not lacking:
        return Finding(f"extra {name}", "ok", "complete")
    # What is not there is not wanted; what is there is used, and will not work.
    state: State = "warning" if any(one.found for one in lacking) else "ok"
    return Finding(f"extra {name}", state, f"not complete: lacks {_listed(lacking)}", _remedy(lacking))


def _listed(lacking: Iterable[Unmet]) -> str:
    return ", ".join(map(str, lacking))


def _remedy(lacking: Iterable[Unmet]) -> str:
    wanted = (one.requirement for one in lacking)
    return shlex.join(["pip", "install", *(f"{each.name}{_extras(each)}{each.specifier}" for each in wanted)])


def _extras(requirement: Requirement) -> str:
    return f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
