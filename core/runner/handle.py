"""Handles: what an app that was submitted is found again by, `scheduler://session/app_id`."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

from orepass.errors import ConfigError

_PART = re.compile(r"[A-Za-z0-9][\w.-]{0,127}")
_NOT_IN_AN_ID = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 40


class Handle(NamedTuple):
    """The parts of a handle.

    Attributes:
        scheduler: the scheduler's name.
        session: whose app it is.
        app_id: what the scheduler calls the app.
    """

    scheduler: str
    session: str
    app_id: str

    def __str__(self) -> str:
        return f"{self.scheduler}://{self.session}/{self.app_id}"


def parse_handle(text: str) -> Handle:
    """The parts of a handle.

    Raises:
        ConfigError: it is none.
    """
    scheduler, separator, rest = text.partition("://")
    handle = Handle(scheduler, *rest.split("/")) if separator and rest.count("/") == 1 else None
    if handle is None or not all(_PART.fullmatch(part) for part in handle):
        raise ConfigError(
            f"{text!r} is no handle of an app. It is SCHEDULER://SESSION/APP_ID, as `orepass app run` prints it and "
            "`orepass app list` lists it."
        )
    return handle


def check_id(what: str, value: str) -> None:
    """Raise a ConfigError for a session or an app's id that cannot stand in a handle."""
    if not _PART.fullmatch(value):
        raise ConfigError(
            f"{what}={value!r} cannot be used: at most 128 letters, digits and . _ -, a letter or digit first."
        )


def another_app(handle: str) -> ConfigError:
    """The error of an id that another app of the session has already."""
    return ConfigError(
        f"There is another app {handle} already: `orepass app describe` shows it. Choose another app_id, or none."
    )


def new_app_id(name: str) -> str:
    """An id that no other app has, of lower-case letters, digits and `-`, which all schedulers take."""
    readable = _NOT_IN_AN_ID.sub("-", name.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    return f"{readable or 'app'}-{secrets.token_hex(4)}"
