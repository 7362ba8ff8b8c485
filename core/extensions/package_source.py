"""Extensions from a package index, or wherever else a requirement leads."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from orepass.errors import ConfigError
from orepass.extensions.distributions import environment_path, find, modules_of
from orepass.extensions.installers import choose_installer
from orepass.extensions.sources import Resolved

_FORMS = "NAME==VERSION, such as py-extensions==1.0"
_FIXED_ADDRESS = re.compile(r"@[0-9a-f]{40}(#|$)|#(.*&)?sha(256|384|512)=")


@dataclass(frozen=True)
class PackageSource:
    """A requirement in the words of PEP 508, without a marker."""

    requirement: Requirement

    def resolve(self) -> Resolved:
        """Ask the index for the version, unless it is given."""
        name = self.requirement.name
        there = find(name, environment_path())
        if there is not None:
            raise ConfigError(
                f"The package {name} {there.version} is in your environment already (modules: "
                f"{', '.join(modules_of(there)) or 'none'}). Uninstall it there to have it as an extension."
            )
        text = str(self.requirement)
        if self.requirement.url or is_pinned(self.requirement):
            return Resolved(text, f"requirement {text}", lambda folder: text)
        found = map(Requirement, choose_installer().missing([text]))
        exact = next(one for one in found if canonicalize_name(one.name) == canonicalize_name(name))
        exact.extras = self.requirement.extras
        return Resolved(str(exact), f"requirement {exact}", lambda folder: str(exact), pin=str(exact))


def is_pinned(requirement: Requirement) -> bool:
    """Whether only one version can be meant."""
    specifiers = list(requirement.specifier)
    return len(specifiers) == 1 and specifiers[0].operator in ("==", "===") and "*" not in specifiers[0].version


def parse_requirement(text: str) -> PackageSource:
    """Read a requirement.

    Raises:
        ConfigError: it is none, has a marker, or leads to an address without a commit or a hash.
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ConfigError(f"{text!r} is not a requirement: {reason}. Write {_FORMS}.") from None
    if requirement.marker is not None:
        raise ConfigError(f"{text!r}: an extension is there or it is not; leave out what follows the ';'.")
    if requirement.url and not _FIXED_ADDRESS.search(requirement.url):
        raise ConfigError(
            f"{text!r}: what is at an address can change. End it with '@' and all 40 digits of a commit, or for a file "
            "with '#sha256=' and its digest."
        )
    return PackageSource(requirement)
