"""The `prefect` scheduler: apps as flow runs in a Prefect work pool."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import yaml
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.states import Cancelling
from prefect.utilities.callables import parameter_schema
from pydantic import Field

from orepass.blocks.launchers.pool.variables import known_variables, resource_variables
from orepass.blocks.schedulers.installed import check_installed
from orepass.blocks.schedulers.prefect_api import app_runs, log_of, prefect_api, read_pool
from orepass.blocks.schedulers.prefect_app import ENTRYPOINT, NAME, log_name, run_app
from orepass.blocks.schedulers.prefect_status import state_of, status_of
from orepass.blocks.work_pools import PULL_NOTHING
from orepass.errors import ConfigError, did_you_mean
from orepass.runner import Handle, Listed, Request, Scheduler, parse_handle
from orepass.runner.handle import another_app
from orepass.specs import AppDef, AppStatus, Role, Stream, is_terminal
from orepass.specs.documents import from_document, to_document

_LOOK_EVERY_S = 1.0
# Lines of both streams are sent together, but not always in the order of their times.
_LATE = timedelta(seconds=5)


class PrefectScheduler(Block, Scheduler):
    """Runs an app of one process as a flow run in a work pool: on the machines, or in the jobs, of its workers.

    What it writes is the log of the flow run. The deployment that the workers need, `orepass-app/POOL`, makes itself.

    Attributes:
        work_pool: the pool's name.
        job_variables: of the pool's template, such as `{image: registry.example/orepass:1}`, over what comes from the
            resource of the app's role.
        check_entrypoint: whether the program must be found on this machine, too.
    """

    _block_type_name = "orepass prefect scheduler"

    work_pool: str = Field(default="orepass", description="The pool's name.")
    job_variables: dict[str, Any] = Field(default={}, description="Variables of the pool's template.")
    check_entrypoint: bool = Field(default=True, description="Whether the program must be found here, too.")

    def request(self, app: AppDef, session: str, app_id: str) -> Request:
        """The flow run; the server is asked for the pool."""
        role = _only_role(app)
        check_installed(app, "prefect", self.check_entrypoint, "If only workers have it, say check_entrypoint=False.")
        with prefect_api() as client:
            variables = self._variables(read_pool(client, self.work_pool), role)
        run = {
            "work_pool": self.work_pool,
            "name": app_id,
            "job_variables": variables,
            "parameters": _parameters(app, session, app_id),
        }
        return Request(app, session, app_id, yaml.safe_dump(run, sort_keys=False, allow_unicode=True))

    def submit(self, request: Request) -> None:
        """Make the flow run."""
        parameters = _parameters(request.app, request.session, request.app_id)
        with prefect_api() as client:
            run = client.create_flow_run_from_deployment(
                self._deployment(client),
                name=request.app_id,
                parameters=parameters,
                job_variables=self._variables(read_pool(client, self.work_pool), _only_role(request.app)),
                idempotency_key=f"{request.session}/{request.app_id}",
                tags=[_mine()],
            )
        if run.parameters != parameters:
            raise another_app(parameters["handle"])

    def status(self, session: str, app_id: str) -> AppStatus | None:
        """How its flow run stands."""
        with prefect_api() as client:
            run = _find(client, session, app_id)
            return None if run is None else status_of(client, run, _only_role(_app(run)).name)

    def cancel(self, session: str, app_id: str) -> None:
        """Let Prefect cancel it: the worker that runs it ends it; one that waits ends at once."""
        with prefect_api() as client:
            run = _find(client, session, app_id)
            if run is not None and not is_terminal(state_of(run)):
                client.set_flow_run_state(run.id, Cancelling())

    def describe(self, session: str, app_id: str) -> AppDef | None:
        """What was submitted."""
        with prefect_api() as client:
            run = _find(client, session, app_id)
        return None if run is None else _app(run)

    def log_lines(
        self, session: str, app_id: str, role: str, replica: int, stream: Stream = Stream.COMBINED, follow: bool = False
    ) -> Iterator[str]:
        """What it has written, as the server has it."""
        wanted = {log_name(one) for one in (Stream.STDOUT, Stream.STDERR) if stream in (one, Stream.COMBINED)}
        seen: set[UUID] = set()
        since = None
        while True:
            with prefect_api() as client:
                run = _find(client, session, app_id)
                logs = [] if run is None else list(log_of(client, run.id, since))
            yield from (log.message for log in logs if log.name in wanted and log.id not in seen)
            if run is None or is_terminal(state_of(run)) or not follow:
                return
            if logs:
                seen, since = {log.id for log in logs}, logs[-1].timestamp - _LATE
            time.sleep(_LOOK_EVERY_S)

    def listed(self) -> list[Listed]:
        """The apps of this user that the server knows."""
        with prefect_api() as client:
            mine = list(app_runs(client, FlowRunFilter(tags=FlowRunFilterTags(all_=[_mine()]))))
        return [_listed(run) for run in mine]

    def forget(self, session: str, app_id: str) -> None:
        """Delete its flow run."""
        with prefect_api() as client:
            if run := _find(client, session, app_id):
                client.delete_flow_run(run.id)

    def _variables(self, pool: WorkPool, role: Role) -> dict[str, Any]:
        template = pool.base_job_template
        known = known_variables(template)
        for name in self.job_variables:
            if name not in known:
                raise ConfigError(
                    f"The work pool {pool.name!r} has no job variable {name!r}. {did_you_mean(name, known)}"
                )
        return resource_variables(role.resource, template, self.job_variables)

    def _deployment(self, client: SyncPrefectClient) -> UUID:
        return client.create_deployment(
            flow_id=client.create_flow_from_name(NAME),
            name=self.work_pool,
            work_pool_name=self.work_pool,
            entrypoint=ENTRYPOINT,
            pull_steps=PULL_NOTHING,
            description="Runs the apps that are sent here, such as the runs of `orepass submit`.",
            parameter_openapi_schema=parameter_schema(run_app.fn).model_dump_for_openapi(),
            enforce_parameter_schema=True,
        )


def _only_role(app: AppDef) -> Role:
    role = app.roles[0]
    if len(app.roles) > 1 or role.num_replicas != 1 or role.max_retries:
        raise ConfigError(
            f"The app {app.name!r} has {sum(role.num_replicas for role in app.roles)} replicas and max_retries="
            f"{role.max_retries}. The scheduler prefect runs one process, once. Use local or slurm."
        )
    return role


def _parameters(app: AppDef, session: str, app_id: str) -> dict[str, Any]:
    return {"app": orjson.loads(orjson.dumps(to_document(app))), "handle": str(Handle("prefect", session, app_id))}


def _app(run: FlowRun) -> AppDef:
    return from_document(run.parameters["app"])


def _find(client: SyncPrefectClient, session: str, app_id: str) -> FlowRun | None:
    key = FlowRunFilterIdempotencyKey(any_=[f"{session}/{app_id}"])
    return next(app_runs(client, FlowRunFilter(idempotency_key=key)), None)


def _mine() -> str:
    return f"user:{getpass.getuser()}"


def _listed(run: FlowRun) -> Listed:
    handle = parse_handle(run.parameters["handle"])
    submitted = run.created.timestamp() if run.created else 0.0
    return Listed(handle.session, handle.app_id, _app(run).name, state_of(run), submitted)
