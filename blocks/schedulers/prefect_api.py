"""The Prefect server that has the apps of the `prefect` scheduler: what it is asked, and what is said of its errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    LogFilter,
    LogFilterFlowRunId,
    LogFilterTimestamp,
)
from prefect.client.schemas.objects import FlowRun, Log, WorkPool
from prefect.client.schemas.sorting import FlowRunSort, LogSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from orepass.blocks.schedulers.prefect_app import NAME
from orepass.blocks.work_pools import no_such_pool
from orepass.errors import AppError
from orepass.server import background_server, password_wanted, refuse_password

_AT_ONCE = 200
"""As many as the server tells of in one answer."""


@contextlib.contextmanager
def prefect_api() -> Iterator[SyncPrefectClient]:
    """A client of the server that is configured, else of the one that an earlier run left on this machine.

    Raises:
        AppError: there is none, it does not answer, or it refuses what is asked in this context.
        ConfigError: there is a user name in the address.
    """
    url = get_current_settings().api.url or background_server()
    if url is None:
        raise AppError(
            "The scheduler prefect needs a Prefect server that the workers reach, too, and none is configured. Start "
            "one (`prefect server start`), and set PREFECT_API_URL to http://HOST:PORT/api."
        )
    refuse_password(url)
    try:
        with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
            yield client
    except httpx.TransportError as error:
        raise AppError(
            f"The Prefect server at {url} does not answer: {error}. Start it (`prefect server start`), or correct "
            "PREFECT_API_URL."
        ) from error
    except PrefectHTTPStatusError as error:
        if error.response.status_code == HTTPStatus.UNAUTHORIZED:
            raise AppError(password_wanted(error)) from error
        raise AppError(f"The Prefect server at {url} refuses it: {error}") from error


def read_pool(client: SyncPrefectClient, name: str) -> WorkPool:
    """A work pool.

    Raises:
        ConfigError: there is no such pool.
    """
    try:
        return client.read_work_pool(name)
    except ObjectNotFound:
        raise no_such_pool(name, [pool.name for pool in client.read_work_pools()]) from None


def app_runs(client: SyncPrefectClient, which: FlowRunFilter) -> Iterator[FlowRun]:
    """The flow runs that are apps, the newest first."""
    named = FlowFilter(name=FlowFilterName(any_=[NAME]))
    newest, offset = FlowRunSort.EXPECTED_START_TIME_DESC, 0
    while True:
        found = client.read_flow_runs(
            flow_filter=named, flow_run_filter=which, sort=newest, limit=_AT_ONCE, offset=offset
        )
        # One that was started from the UI is no app: nothing of it is found by a handle.
        yield from (run for run in found if (run.idempotency_key or "").count("/") == 1)
        offset += len(found)
        if len(found) < _AT_ONCE:
            return


def log_of(client: SyncPrefectClient, run: UUID, since: datetime | None) -> Iterator[Log]:
    """The lines of a flow run's log in the order of their times, from a time on."""
    which = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]), timestamp=LogFilterTimestamp(after_=since))
    offset = 0
    while found := client.read_logs(which, limit=_AT_ONCE, offset=offset, sort=LogSort.TIMESTAMP_ASC):
        yield from found
        offset += len(found)
