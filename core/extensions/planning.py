"""What installing extensions will do."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import dropwhile

from orepass.errors import ConfigError
from orepass.extensions.declaration import Extension
from orepass.extensions.finding import check_not_elsewhere
from orepass.extensions.places import Place, places
from orepass.extensions.record import Record
from orepass.extensions.sources import Resolved

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planned:
    """An extension at the state in which it will be used; printed, it says so.

    Attributes:
        module: its top-level module.
        resolved: what is installed; `resolved.shown` is that for people.
        place: where.
    """

    module: str
    resolved: Resolved
    place: Place

    @property
    def there(self) -> bool:
        """Whether it is installed."""
        return self.place.folder.exists()

    def __str__(self) -> str:
        what = "is installed in" if self.there else "will be installed, with what it requires, into"
        return f"Extension {self.module}: {self.resolved.shown} {what} {self.place.folder}"


def plan(extensions: Iterable[Extension]) -> tuple[Planned, ...]:
    """Find out what has to be installed. Installs nothing; warns of sources that can change.

    Asks the repository of a GitHub URL without a commit, and the index of a requirement without a version.

    Raises:
        ConfigError: a source is not there or cannot be read, or the environment has a module of that name.
    """
    return tuple(_plan(one) for one in extensions)


def place_for(module: str, identity: str) -> Place:
    """The place where a state of an extension is installed so that it goes with this environment, or can be."""
    return next(dropwhile(_is_for_others, places(module, identity)))


def _plan(extension: Extension) -> Planned:
    try:
        resolved = extension.source.resolve()
    except ConfigError as error:
        raise ConfigError(f"Extension {extension.module}: {error}") from error
    if resolved.pin is not None:
        _log.warning(
            "Extension %s: what is at %s can change. To stay with what it is now, write\n    %s: %s",
            *(extension.module, extension.declared, extension.module, resolved.pin),
        )
    check_not_elsewhere(extension.module, [resolved.own] if resolved.own else [])
    return Planned(extension.module, resolved, place_for(extension.module, resolved.identity))


def _is_for_others(place: Place) -> bool:
    if not place.folder.exists():
        return False
    record = Record.read(place.folder)
    return record is None or bool(record.misfits(place.folder))
