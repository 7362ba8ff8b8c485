"""The contract of schedulers: what a runner asks of them.

A package adds one as an entry point of the group `orepass.schedulers`:

    [project.entry-points."orepass.schedulers"]
    nomad = "my_package.nomad:NomadScheduler"
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
from dataclasses import dataclass

from orepass.errors import AppError
from orepass.specs import AppDef, AppState, AppStatus, Stream

GROUP = "orepass.schedulers"


@dataclass(frozen=True)
class Request:
    """What a scheduler would be asked.

    Attributes:
        app: what is to run.
        session: whose app it is.
        app_id: what the scheduler will call it.
        text: the whole of it in the scheduler's own words, such as a script or a specification, for people to read.
    """

    app: AppDef
    session: str
    app_id: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Listed:
    """An app that a scheduler knows.

    Attributes:
        session: whose app it is.
        app_id: what the scheduler calls it.
        name: its own name.
        state: how it stands.
        submitted: when it was submitted, in seconds since 1970.
    """

    session: str
    app_id: str
    name: str
    state: AppState
    submitted: float


class Scheduler(abc.ABC):
    """Runs apps somewhere, and knows them after the process that submitted them has ended.

    An app is known by its session and its id, which the runner chooses before anything is submitted: so `submit` can be
    repeated when its answer was lost.
    """

    @abc.abstractmethod
    def request(self, app: AppDef, session: str, app_id: str) -> Request:
        """What would be submitted; submits nothing and leaves no trace.

        Raises:
            ConfigError: the app cannot run here, such as an entrypoint, image or mount that is not there.
        """

    @abc.abstractmethod
    def submit(self, request: Request) -> None:
        """Start an app; if it is there already, with this session and id, it is left as it is.

        Raises:
            ConfigError: another app has this session and id.
            AppError: the scheduler refuses it or does not answer.
        """

    @abc.abstractmethod
    def status(self, session: str, app_id: str) -> AppStatus | None:
        """How an app stands; None if the scheduler does not know it.

        Raises:
            AppError: the scheduler does not answer.
        """

    @abc.abstractmethod
    def cancel(self, session: str, app_id: str) -> None:
        """End an app, if it has not ended; returns when that is on its way."""

    @abc.abstractmethod
    def describe(self, session: str, app_id: str) -> AppDef | None:
        """What was submitted; None if the scheduler does not know it."""

    @abc.abstractmethod
    def log_lines(
        self, session: str, app_id: str, role: str, replica: int, stream: Stream = Stream.COMBINED, follow: bool = False
    ) -> Iterator[str]:
        """What a replica has written, line by line without line ends.

        Args:
            session: whose app it is.
            app_id: what the scheduler calls it.
            role: the name of a role that the app has.
            replica: a number of a replica that the role has, from 0.
            stream: which of its streams.
            follow: go on with what it writes until the app has ended.
        """

    @abc.abstractmethod
    def listed(self) -> list[Listed]:
        """The apps of this user that are known, the newest first."""

    def forget(self, session: str, app_id: str) -> None:
        """Remove what is kept of an app that has ended, with all that it wrote to its streams."""
        raise AppError(f"This scheduler cannot forget the app {app_id}; whatever it keeps is removed elsewhere.")
