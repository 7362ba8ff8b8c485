"""Work pools with a real worker, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from processes_of_tests import Run, wait_until

from orepass.deployments.work_pools import create_pool


@contextlib.contextmanager
def pool_with_worker(api: str, name: str, kind: str, folder: Path, **defaults: Any) -> Iterator[Run]:
    """A work pool and a worker of it, which is stopped in the end."""
    with temporary_settings({PREFECT_API_URL: api}):
        asyncio.run(create_pool(name, kind, defaults=defaults))
    run = start_worker(api, name, kind, folder / f"worker-{name}.log")
    try:
        yield run
    finally:
        stop_worker(run)


def start_worker(api: str, pool: str, kind: str, log: Path) -> Run:
    """Start a worker as people do."""
    environment = {**os.environ, "PREFECT_API_URL": api, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", kind]
    run = Run(command, log, cwd=log.parent, env=environment, start_new_session=True)
    wait_until(lambda: "started!" in run.output or run.process.poll() is not None, "the worker to start", 60)
    assert "started!" in run.output, run.output
    return run


def stop_worker(run: Run) -> None:
    """End a worker as Ctrl-C does, or by force."""
    run.process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()


def ask(question: Callable[[PrefectClient], Any]) -> Any:
    """Ask the server that is in use."""

    async def answer() -> Any:
        async with get_client() as client:
            return await question(client)

    return asyncio.run(answer())


def runs_called(name: str) -> list[FlowRun]:
    """The flow runs of a name."""
    these = FlowRunFilter(name=FlowRunFilterName(any_=[name]))
    found: list[FlowRun] = ask(lambda client: client.read_flow_runs(flow_run_filter=these))
    return found
