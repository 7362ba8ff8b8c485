"""The `slurm` scheduler: apps as jobs of Slurm."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from pydantic import Field

from orepass.blocks.schedulers.folders import AppFolder, known
from orepass.blocks.schedulers.installed import check_installed, image_folder, program
from orepass.blocks.schedulers.slurm_script import ReplicaJob, output, script
from orepass.blocks.schedulers.slurm_status import CANCELLED, LOG, exit_code, status_of
from orepass.blocks.schedulers.slurm_submission import comment_of, job_of, submit_once
from orepass.blocks.slurm_jobs import JobState, cancel, job_states
from orepass.errors import AppError, ConfigError, SlurmError
from orepass.runner import Handle, Listed, Request, Scheduler
from orepass.specs import AppDef, AppStatus, RetryPolicy, Role, Stream, macros
from orepass.specs.replica_environment import ATTEMPT, RANK0_HOST, replica_environment

_NAME = "slurm"
_PREFIX = "slurm."
_ONLY_ON_NODES = "If only the nodes have it, say check_entrypoint=False."
_ASK_SLURM_EVERY_S = 5.0


class SlurmScheduler(Block, Scheduler):
    """Runs an app as one job of Slurm, heterogeneous if it has several replicas: one group for each.

    Replicas start together. When one fails, the others are ended, and the job is requeued as a whole, `max_retries`
    times at most. What is asked of Slurm for one role alone stands in its metadata, or in the capabilities of its
    resource, under the name of the option of sbatch: `{"slurm.partition": "gpu"}`.

    Attributes:
        partition: where jobs are submitted; the cluster's default, if not given.
        account: what jobs are charged to.
        qos: their quality of service.
        constraint: features that their nodes must have.
        gres: how GPUs are asked for, with `{gpus}` for their number, such as `gpu:a100:{gpus}`.
        time_limit_min: minutes after which Slurm ends an app; the partition's, if not given.
        directives: more arguments of sbatch, such as `--exclusive`, for every replica.
        prologue: lines of shell that come before the replicas start, such as `module load cuda`.
        folder: where apps are kept, with what they write; `$OREPASS_APPS` or `~/.orepass/apps`, if not given. All nodes
            must have it in the same place.
        check_entrypoint: whether programs must be found on this machine, too.
    """

    _block_type_name = "orepass slurm scheduler"

    partition: str | None = Field(default=None, description="Partition of the jobs.")
    account: str | None = Field(default=None, description="Account of the jobs.")
    qos: str | None = Field(default=None, description="Quality of service of the jobs.")
    constraint: str | None = Field(default=None, description="Features of the nodes.")
    gres: str = Field(default="gpu:{gpus}", description="How GPUs are asked for.")
    time_limit_min: int | None = Field(default=None, ge=1, description="Minutes after which Slurm ends an app.")
    directives: list[str] = Field(default=[], description="More arguments of sbatch.")
    prologue: list[str] = Field(default=[], description="Lines of shell that come before the replicas start.")
    folder: Path | None = Field(default=None, description="Where apps are kept, on all nodes.")
    check_entrypoint: bool = Field(default=True, description="Whether programs must be found on this machine, too.")

    def request(self, app: AppDef, session: str, app_id: str) -> Request:
        """The script of the job."""
        check_installed(app, _NAME, self.check_entrypoint, _ONLY_ON_NODES)
        for role in app.roles:
            if role.max_retries and role.retry_policy is not RetryPolicy.APPLICATION:
                raise ConfigError(
                    f"The role {role.name!r} of the app {app.name!r} has the retry_policy {role.retry_policy}. Slurm "
                    "starts an app again as a whole: use RetryPolicy.APPLICATION."
                )
        folder = self._folder(session, app_id)
        options = [
            f"--job-name={app_id}",
            f"--comment={comment_of(folder)}",
            output(folder.path / LOG),
            "--open-mode=truncate",
            "--export=ALL",
        ]
        handle = str(Handle(_NAME, session, app_id))
        replicas = [
            self._replica(app, role, number, app_id, handle, folder)
            for role in app.roles
            for number in range(role.num_replicas)
        ]
        retries = max(role.max_retries for role in app.roles)
        return Request(app, session, app_id, script(folder.path, options, replicas, retries, self.prologue))

    def submit(self, request: Request) -> None:
        """Hand the script to sbatch, with the environment of this process."""
        with _told():
            submit_once(self._folder(request.session, request.app_id), request)

    def status(self, session: str, app_id: str) -> AppStatus | None:
        """How an app stands."""
        folder = self._folder(session, app_id)
        app = folder.app()
        if app is None:
            return None
        return status_of(folder, app, self._jobs([folder])[folder])

    def cancel(self, session: str, app_id: str) -> None:
        """Cancel the job."""
        status = self.status(session, app_id)
        if status is None or status.is_terminal():
            return
        folder = self._folder(session, app_id)
        (folder.path / CANCELLED).touch()  # from now on the script neither begins nor requeues itself
        with _told():
            if job_id := job_of(folder):
                cancel([job_id])

    def describe(self, session: str, app_id: str) -> AppDef | None:
        """What was submitted."""
        return self._folder(session, app_id).app()

    def log_lines(
        self, session: str, app_id: str, role: str, replica: int, stream: Stream = Stream.COMBINED, follow: bool = False
    ) -> Iterator[str]:
        """What a replica has written; what it wrote before it was started again comes first."""
        ended = self._ended(session, app_id) if follow else None
        return self._folder(session, app_id).lines(role, replica, stream, ended)

    def listed(self) -> list[Listed]:
        """The apps in the folder; Slurm is asked once for all of them."""
        found = known(self.folder, _NAME)
        jobs = self._jobs([folder for *_, folder in found])
        listed = []
        for session, app_id, folder in found:
            if app := folder.app():
                listed.append(
                    Listed(session, app_id, app.name, status_of(folder, app, jobs[folder]).state, folder.submitted())
                )
        return listed

    def _jobs(self, folders: list[AppFolder]) -> dict[AppFolder, JobState | None]:
        """What Slurm says of the jobs of apps; None for those without one."""
        with _told():
            ids = {folder: job_of(folder) for folder in folders}
            unsure = [folder for folder, job_id in ids.items() if job_id and exit_code(folder) != 0]
            states = job_states([ids[folder] for folder in unsure])
        found: dict[AppFolder, JobState | None] = {}
        for folder, job_id in ids.items():
            job = states.get(job_id, JobState(job_id, "COMPLETED"))
            # After years, or after its memory was wiped, Slurm gives a number to another job.
            another = not folder.path.name.startswith(job.name)
            found[folder] = (JobState(job_id, "UNKNOWN") if another else job) if job_id else None
        return found

    def forget(self, session: str, app_id: str) -> None:
        """Remove the app's folder."""
        self._folder(session, app_id).remove()

    def _folder(self, session: str, app_id: str) -> AppFolder:
        return AppFolder.of(self.folder, _NAME, session, app_id)

    def _ended(self, session: str, app_id: str) -> Callable[[], bool]:
        """Whether an app has ended; its folder is looked at every time, and Slurm asked now and then."""
        asked = 0.0

        def ended() -> bool:
            nonlocal asked
            if exit_code(self._folder(session, app_id)) is not None:
                return True
            if time.monotonic() - asked < _ASK_SLURM_EVERY_S:
                return False
            asked = time.monotonic()
            status = self.status(session, app_id)
            return status is None or status.is_terminal()

        return ended

    def _replica(self, app: AppDef, role: Role, number: int, app_id: str, handle: str, folder: AppFolder) -> ReplicaJob:
        image = image_folder(role)
        filled = macros.Values(str(image), app_id, str(number), RANK0_HOST).apply(role)
        # The script knows these two when it runs.
        own = replica_environment(handle, role.name, number, role.num_replicas, "")
        env = {k: v for k, v in {**filled.env, **own}.items() if k not in (RANK0_HOST, ATTEMPT)}
        cores = [f"--cpus-per-task={role.resource.cpu}"] if role.resource.cpu > 0 else []
        return ReplicaJob(
            role=role.name,
            id=number,
            options=[*self._options(role), *cores, *_own_options(app, filled), *self.directives],
            step_options=cores,
            folder=folder.replica(role.name, number),
            image=image,
            command=[program(role, image), *filled.args],
            env=env,
        )

    def _options(self, role: Role) -> list[str]:
        needs = role.resource
        values = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "time": self.time_limit_min,
            "mem": f"{needs.memMB}M" if needs.memMB > 0 else None,
            "gres": self.gres.replace("{gpus}", str(needs.gpu)) if needs.gpu > 0 else None,
        }
        given = [f"--{name}={value}" for name, value in values.items() if value is not None]
        return ["--nodes=1", "--ntasks=1", *given]


def _own_options(app: AppDef, role: Role) -> list[str]:
    """What the app, the role's resource and the role say to Slurm, the last one last, which wins."""
    said: dict[str, Any] = {**app.metadata, **role.resource.capabilities, **role.metadata}
    return [f"--{key.removeprefix(_PREFIX)}={value}" for key, value in said.items() if key.startswith(_PREFIX)]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of Slurm as those of a scheduler."""
    try:
        yield
    except SlurmError as error:
        raise AppError(str(error)) from error
