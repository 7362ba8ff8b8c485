"""Installing extensions: once, beside the environment, whole or not at all."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from orepass.claims import Claim, try_claim
from orepass.errors import ConfigError
from orepass.extensions.activation import Installed, check_together
from orepass.extensions.distributions import environment_path, modules_of, unmet, versions
from orepass.extensions.finding import check_import
from orepass.extensions.installers import choose_installer
from orepass.extensions.places import Place, packages_of
from orepass.extensions.planning import Planned, place_for
from orepass.extensions.record import Record

_log = logging.getLogger(__name__)
_LOOKS_EVERY_S = 0.2


def install(planned: Sequence[Planned], allow: bool = True) -> tuple[Installed, ...]:
    """Install what is not there yet, and check that all of it goes together.

    Args:
        planned: what `plan` returned.
        allow: False refuses to install anything.

    Raises:
        ConfigError: something may not or cannot be installed, has not the module that was declared, or does not go
            with the environment or another extension.
    """
    missing = [one for one in planned if not one.there]
    if missing and not allow:
        listed = "".join(f"\n    {one.module}: {one.resolved.shown}" for one in missing)
        raise ConfigError(f"Not installed, and nothing may be; run once without --no-install to have them:{listed}")
    installed = tuple(_installed(one) for one in planned)
    check_together(installed)
    return installed


def _installed(planned: Planned) -> Installed:
    resolved, place = planned.resolved, planned.place
    if planned.there:
        return Installed(planned.module, resolved.shown, place.folder, resolved.own)
    try:
        with _only_one(place):
            # Another run, maybe in another environment, may have been here since it was planned.
            now = place_for(planned.module, resolved.identity)
            if now == place and not planned.there:
                _fill(planned)
    except OSError as error:
        raise ConfigError(
            f"Extension {planned.module}: cannot write {place.root}: {error.strerror or error}. $OREPASS_EXTENSIONS "
            "names another folder."
        ) from error
    except ConfigError as error:
        raise ConfigError(f"Extension {planned.module}: {error}") from error
    return _installed(Planned(planned.module, resolved, now))


def _fill(planned: Planned) -> None:
    for left in planned.place.partials():  # by a killed run, as this one holds the claim
        shutil.rmtree(left, ignore_errors=True)
    partial = planned.place.new_partial()
    try:
        partial.mkdir(parents=True)
        installed = _install_into(partial, planned.resolved.fetch(partial / "source"), planned)
        shutil.rmtree(partial / "source", ignore_errors=True)
        os.rename(partial, planned.place.folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    listed = ", ".join(f"{name} {version}" for name, version in installed.packages.items())
    _log.info("Extension %s: installed %s into %s", planned.module, listed, planned.place.folder)


def _install_into(folder: Path, given: str, planned: Planned) -> Record:
    """The package first, then what it requires and the environment lacks."""
    installer, packages, environment = choose_installer(), packages_of(folder), environment_path()
    installer.install([given], packages)
    root, extras = next(iter(distributions(path=[str(packages)]))), _extras(given)
    lacking = [str(wanted) for _, wanted in unmet([(root, extras)], environment, environment)]
    if lacking and (missing := installer.missing(lacking)):
        installer.install(missing, packages)
    check_import(planned.module, packages, modules_of(root))
    record = Record(planned.module, planned.resolved.shown, root.name, extras, versions([str(packages)]))
    if misfits := record.misfits(folder):
        raise ConfigError(f"it does not go with this environment: {'; '.join(misfits)}.")
    record.write(folder)
    return record


def _extras(given: str) -> tuple[str, ...]:
    try:
        return tuple(sorted(Requirement(given).extras))
    except InvalidRequirement:  # a folder
        return ()


@contextmanager
def _only_one(place: Place) -> Iterator[None]:
    """Let one run install, while others that want the same wait for it."""
    claim = try_claim(place.claim)
    if not isinstance(claim, Claim):
        _log.info("Waiting for %s, which installs into %s", claim, place.folder)
    while not isinstance(claim, Claim):
        time.sleep(_LOOKS_EVERY_S)
        claim = try_claim(place.claim)
    try:
        yield
    finally:
        claim.release()
