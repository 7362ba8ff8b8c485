"""The `local` scheduler: apps as processes of this machine."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field

from orepass.blocks.schedulers.folders import AppFolder, known
from orepass.blocks.schedulers.installed import check_installed, image_folder, program
from orepass.blocks.schedulers.local_gpus import gpus_of_replicas, warn_of_too_few_gpus
from orepass.blocks.schedulers.local_plan import Plan, ReplicaPlan
from orepass.blocks.schedulers.local_state import LocalState, ReplicaRecord, supervising
from orepass.blocks.schedulers.logs import tail
from orepass.claims import Owner
from orepass.errors import AppError, ConfigError
from orepass.runner import Handle, Listed, Request, Scheduler
from orepass.specs import AppDef, AppState, AppStatus, RetryPolicy, Stream, is_terminal, macros
from orepass.specs.replica_environment import RANK0_HOST, replica_environment

_NAME = "local"
_HOST = "127.0.0.1"
_SUPERVISOR_LOG = "supervisor.log"
_LOOK_S = 0.05


class LocalScheduler(Block, Scheduler):
    """Runs the replicas of an app as processes of this machine, each in a process group and a folder of its own.

    A process of their own looks after them, so that they go on when who submitted them ends. CPU and memory are not
    limited. GPUs are dealt out among the replicas of one app.

    Attributes:
        folder: where apps are kept, with what they write; `$OREPASS_APPS` or `~/.orepass/apps`, if not given.
        grace_s: how long a replica that is to end may take to end by itself, in seconds.
    """

    _block_type_name = "orepass local scheduler"

    folder: Path | None = Field(default=None, description="Where apps are kept; $OREPASS_APPS, if not given.")
    grace_s: float = Field(default=10.0, ge=0, description="Seconds that a replica has to end by itself.")

    def request(self, app: AppDef, session: str, app_id: str) -> Request:
        """The commands, as a shell would have them."""
        check_installed(app, _NAME)
        warn_of_too_few_gpus(app)
        for role in app.roles:
            if role.retry_policy is RetryPolicy.HOT_SPARE and role.max_retries:
                raise ConfigError(
                    f"The role {role.name!r} of the app {app.name!r} wants hot spares, which the scheduler local has "
                    "not. Use RetryPolicy.REPLICA or RetryPolicy.APPLICATION."
                )
        text = "\n".join(_as_shell(replica) for replica in self._plan(app, session, app_id).replicas)
        return Request(app, session, app_id, text)

    def submit(self, request: Request) -> None:
        """Start the process that looks after the app; where there is or was one, a second one ends at once.

        Raises:
            ConfigError: there is another app of this id.
            AppError: the process does not start.
        """
        folder = self._folder(request.session, request.app_id)
        folder.create(request.app)
        if LocalState.load(folder.path) is None:  # also where a submission was cut off before the process had started
            self._plan(request.app, request.session, request.app_id).save(folder.path)
        with (folder.path / _SUPERVISOR_LOG).open("ab") as log:
            started = subprocess.run(
                [sys.executable, "-P", "-m", "orepass.blocks.schedulers.local_supervisor", str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=folder.path,
            )
        if started.returncode:
            said = "\n".join(tail(folder.path / _SUPERVISOR_LOG, 5))
            raise AppError(f"The app {request.app_id} was not started. The end of its supervisor's log:\n{said}")

    def status(self, session: str, app_id: str) -> AppStatus | None:
        """How an app stands. What a supervisor that was killed has left behind is ended."""
        folder = self._folder(session, app_id)
        state = LocalState.load(folder.path)
        if state is None:
            return None if folder.app() is None else AppStatus(AppState.SUBMITTED)
        if state.abandoned() and (state := LocalState.load(folder.path)) and state.abandoned():
            state.end_what_is_left()
            state.state = AppState.FAILED
            state.msg = f"its supervisor ({state.supervisor}) died, and the replicas with it; submit the app again"
            for replica in state.replicas:
                if not is_terminal(replica.state):
                    replica.state = AppState.FAILED
        return state.status()

    def cancel(self, session: str, app_id: str) -> None:
        """Tell the app's supervisor to end it."""
        folder = self._folder(session, app_id)
        state = LocalState.load(folder.path)
        while state is None:
            if (app := folder.app()) is None or _cancelled_before_its_start(app, folder.path):
                return
            time.sleep(_LOOK_S)  # it is being started
            state = LocalState.load(folder.path)
        if is_terminal(state.state):
            return
        alive = state.supervisor.alive()
        if alive is None:
            raise AppError(f"The app {app_id} runs on {state.supervisor.host}. Cancel it there.")
        if alive:
            with contextlib.suppress(ProcessLookupError):  # it has ended by now
                os.kill(state.supervisor.pid, signal.SIGTERM)

    def describe(self, session: str, app_id: str) -> AppDef | None:
        """What was submitted."""
        return self._folder(session, app_id).app()

    def log_lines(
        self, session: str, app_id: str, role: str, replica: int, stream: Stream = Stream.COMBINED, follow: bool = False
    ) -> Iterator[str]:
        """What a replica has written."""

        def ended() -> bool:
            status = self.status(session, app_id)
            return status is None or status.is_terminal()

        return self._folder(session, app_id).lines(role, replica, stream, ended if follow else None)

    def listed(self) -> list[Listed]:
        """The apps in the folder."""
        found = []
        for session, app_id, folder in known(self.folder, _NAME):
            app, status = folder.app(), self.status(session, app_id)
            if app is not None and status is not None:
                found.append(Listed(session, app_id, app.name, status.state, folder.submitted()))
        return found

    def forget(self, session: str, app_id: str) -> None:
        """Remove the app's folder."""
        self._folder(session, app_id).remove()

    def _folder(self, session: str, app_id: str) -> AppFolder:
        return AppFolder.of(self.folder, _NAME, session, app_id)

    def _plan(self, app: AppDef, session: str, app_id: str) -> Plan:
        handle = str(Handle(_NAME, session, app_id))
        folder = self._folder(session, app_id)
        gpus = gpus_of_replicas(app)
        replicas = []
        for role in app.roles:
            image = image_folder(role)
            for number in range(role.num_replicas):
                filled = macros.Values(str(image), app_id, str(number), RANK0_HOST).apply(role)
                own = replica_environment(handle, role.name, number, role.num_replicas, _HOST)
                replicas.append(
                    ReplicaPlan(
                        role=role.name,
                        id=number,
                        command=[program(role, image), *filled.args],
                        env={**gpus.get((role.name, number), {}), **filled.env, **own},
                        cwd=str(image),
                        folder=str(folder.replica(role.name, number)),
                        max_retries=role.max_retries,
                        alone=role.retry_policy is RetryPolicy.REPLICA,
                    )
                )
        return Plan(replicas, self.grace_s)


def _cancelled_before_its_start(app: AppDef, folder: Path) -> bool:
    """Cancel an app whose submission was cut off, so that nobody can start it any more; False if somebody does now."""
    with supervising(folder) as first:
        if first:
            replicas = [
                ReplicaRecord(role.name, number, AppState.CANCELLED)
                for role in app.roles
                for number in range(role.num_replicas)
            ]
            LocalState(Owner.this_process(), replicas, AppState.CANCELLED, msg="it had not been started").save(folder)
        return first


def _as_shell(replica: ReplicaPlan) -> str:
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in replica.env.items())
    command = f"{variables} {shlex.join(replica.command)}"
    place = f"cd {shlex.quote(replica.cwd)}"
    return f"# {replica.role}/{replica.id}\n({place} && {command}) > {shlex.quote(replica.folder)}/combined"
