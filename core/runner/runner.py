"""The runner: submits apps to schedulers, and finds them again by their handles."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orepass.errors import AppError, ConfigError, did_you_mean
from orepass.runner.finding import make_scheduler, scheduler_names
from orepass.runner.handle import Handle, check_id, new_app_id, parse_handle
from orepass.runner.scheduler import Listed, Request, Scheduler
from orepass.specs import AppDef, AppStatus, Role, Stream, check_app

ENVIRONMENT_VARIABLE = "OREPASS_SCHEDULER"
_DEFAULT_SCHEDULER = "local"
_DEFAULT_SESSION = "orepass"


@dataclass(frozen=True)
class DryRun:
    """A submission that can be looked at before it is made with `Runner.schedule`.

    Attributes:
        scheduler: the scheduler's name.
        request: what it would be asked.
        cfg: options of the scheduler, over those that the runner was made with.
    """

    scheduler: str
    request: Request
    cfg: Mapping[str, Any]

    @property
    def handle(self) -> str:
        """What the app will be found by."""
        return str(Handle(self.scheduler, self.request.session, self.request.app_id))

    def __str__(self) -> str:
        return str(self.request)


class Runner:
    """Submits apps and looks after them. Make one with `get_runner`."""

    def __init__(self, session: str, options: Mapping[str, Mapping[str, Any]]) -> None:
        check_id("session", session)
        self.session = session
        self._options = options
        self._made: dict[str, Scheduler] = {}
        self._by_handle: dict[str, Scheduler] = {}

    def run(
        self,
        app: AppDef,
        scheduler: str | None = None,
        cfg: Mapping[str, Any] | None = None,
        *,
        app_id: str | None = None,
    ) -> str:
        """Submit an app.

        Args:
            app: what is to run.
            scheduler: where: a name of `scheduler_names()`; the default is `$OREPASS_SCHEDULER`, or `local`.
            cfg: options of the scheduler, over those that the runner was made with. This runner remembers them for
                the handle; where another one looks for the app and they say where it is kept, it has to have them.
            app_id: what the scheduler shall call it; if it is there already in this session, it is not started again.

        Returns:
            Its handle.

        Raises:
            ConfigError: the app, the scheduler or an option cannot be used, or another app has this id; nothing was
                submitted.
            AppError: the scheduler refuses it, or does not answer.
        """
        return self.schedule(self.dryrun(app, scheduler, cfg, app_id=app_id))

    def dryrun(
        self,
        app: AppDef,
        scheduler: str | None = None,
        cfg: Mapping[str, Any] | None = None,
        *,
        app_id: str | None = None,
    ) -> DryRun:
        """What `run` would submit, for the same arguments; `print` shows it.

        Raises:
            ConfigError: the app, the scheduler or an option cannot be used.
        """
        check_app(app)
        name = scheduler or default_scheduler()
        app_id = app_id or new_app_id(app.name)
        check_id("app_id", app_id)
        return DryRun(name, self._scheduler(name, cfg).request(app, self.session, app_id), cfg or {})

    def schedule(self, dry_run: DryRun) -> str:
        """Submit what `dryrun` has shown.

        Returns:
            Its handle.

        Raises:
            ConfigError: another app has this id.
            AppError: the scheduler refuses it, or does not answer.
        """
        scheduler = self._scheduler(dry_run.scheduler, dry_run.cfg)
        self._by_handle[dry_run.handle] = scheduler  # also if the answer is lost
        scheduler.submit(dry_run.request)
        return dry_run.handle

    def status(self, handle: str) -> AppStatus | None:
        """How an app stands; None if its scheduler does not know it.

        Raises:
            ConfigError: this is no handle.
            AppError: the scheduler does not answer.
        """
        scheduler, of = self._find(handle)
        return scheduler.status(of.session, of.app_id)

    def wait(self, handle: str, wait_interval: float = 1.0) -> AppStatus | None:
        """Wait for an app's end.

        Args:
            handle: the app.
            wait_interval: how often its scheduler is asked, in seconds.

        Returns:
            How it ended; None if its scheduler does not know it.
        """
        while True:
            status = self.status(handle)
            if status is None or status.is_terminal():
                return status
            time.sleep(wait_interval)

    def cancel(self, handle: str) -> None:
        """End an app, if it has not ended; returns when that is on its way.

        Raises:
            AppError: the scheduler does not know it, or does not answer.
        """
        scheduler, of = self._find(handle)
        if scheduler.status(of.session, of.app_id) is None:
            raise unknown_app(handle)
        scheduler.cancel(of.session, of.app_id)

    def describe(self, handle: str) -> AppDef | None:
        """What was submitted; None if its scheduler does not know it."""
        scheduler, of = self._find(handle)
        return scheduler.describe(of.session, of.app_id)

    def log_lines(
        self,
        handle: str,
        role_name: str | None = None,
        k: int = 0,
        regex: str | None = None,
        should_tail: bool = False,
        streams: Stream | str = Stream.COMBINED,
    ) -> Iterator[str]:
        """What a replica has written, line by line without line ends.

        Args:
            handle: the app.
            role_name: the replica's role; the app's only one, if not given.
            k: its number in the role.
            regex: only lines in which this is found.
            should_tail: go on with what it writes until the app has ended.
            streams: `stdout`, `stderr` or `combined`.

        Raises:
            ConfigError: there is no such role, replica or stream.
            AppError: the scheduler does not know the app.
        """
        scheduler, of = self._find(handle)
        app = scheduler.describe(of.session, of.app_id)
        if app is None:
            raise unknown_app(handle)
        role = _role(app, role_name)
        if not 0 <= k < role.num_replicas:
            raise ConfigError(f"The role {role.name!r} has no replica {k}. Valid: 0 to {role.num_replicas - 1}.")
        if streams not in list(Stream):
            raise ConfigError(f"No stream {str(streams)!r}. {did_you_mean(streams, Stream)}")
        pattern = _pattern(regex)
        lines = scheduler.log_lines(of.session, of.app_id, role.name, k, Stream(streams), should_tail)
        return (line for line in lines if pattern.search(line))

    def list(self, scheduler: str | None = None) -> list[Listed]:
        """The apps that a scheduler knows, the newest first."""
        return self._scheduler(scheduler or default_scheduler()).listed()

    def forget(self, handle: str) -> None:
        """Remove what is kept of an app that has ended, with all that it wrote to its streams.

        Raises:
            AppError: it has not ended, or the scheduler does not know it or cannot forget it.
        """
        scheduler, of = self._find(handle)
        status = scheduler.status(of.session, of.app_id)
        if status is None:
            raise unknown_app(handle)
        if not status.is_terminal():
            raise AppError(f"The app {handle} is {status.state}. Wait for its end, or cancel it.")
        scheduler.forget(of.session, of.app_id)

    def _find(self, handle: str) -> tuple[Scheduler, Handle]:
        of = parse_handle(handle)
        return self._by_handle.get(handle) or self._scheduler(of.scheduler), of

    def _scheduler(self, name: str, more: Mapping[str, Any] | None = None) -> Scheduler:
        if more:
            return make_scheduler(name, **{**self._options.get(name, {}), **more})
        if name not in self._made:
            self._made[name] = make_scheduler(name, **self._options.get(name, {}))
        return self._made[name]


def get_runner(
    name: str = _DEFAULT_SESSION, scheduler_options: Mapping[str, Mapping[str, Any]] | None = None
) -> Runner:
    """A runner.

    Args:
        name: the session that its apps belong to.
        scheduler_options: options by the scheduler's name.

    Raises:
        ConfigError: options of a scheduler that there is not.
    """
    for scheduler in scheduler_options or {}:
        if scheduler not in scheduler_names():
            raise ConfigError(f"No scheduler {scheduler!r}. {did_you_mean(scheduler, scheduler_names())}")
    return Runner(name, scheduler_options or {})


def default_scheduler() -> str:
    """Where apps run if nobody says where: `$OREPASS_SCHEDULER`, or `local`."""
    return os.environ.get(ENVIRONMENT_VARIABLE) or _DEFAULT_SCHEDULER


def unknown_app(handle: str) -> AppError:
    """The error of a handle that its scheduler does not know."""
    return AppError(f"There is no app {handle}. `orepass app list` lists those that are known.")


def _role(app: AppDef, name: str | None) -> Role:
    roles = {role.name: role for role in app.roles}
    if name is None and len(roles) == 1:
        return app.roles[0]
    if name is None:
        raise ConfigError(f"The app {app.name!r} has several roles; say which. Valid: {', '.join(roles)}.")
    if name not in roles:
        raise ConfigError(f"The app {app.name!r} has no role {name!r}. {did_you_mean(name, roles)}")
    return roles[name]


def _pattern(regex: str | None) -> re.Pattern[str]:
    try:
        return re.compile(regex or "")
    except re.error as error:
        raise ConfigError(f"{regex!r} is no regular expression: {error}.") from None
