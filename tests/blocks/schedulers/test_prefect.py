"""The `prefect` scheduler with a process pool and a real worker of it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from pool_workers import pool_with_worker, runs_called
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_HOME, temporary_settings
from processes_of_tests import is_alive, wait_until

import orepass.specs as specs
from orepass.blocks.schedulers.prefect_app import run_app
from orepass.deployments.work_pools import create_pool
from orepass.errors import AppError, ConfigError
from orepass.runner import Runner, get_runner
from orepass.specs import AppState
from orepass.specs.documents import to_document

POOL = "tests-apps"


def shell(script: str, **fields: Any) -> specs.AppDef:
    role = specs.Role(name="main", image="", entrypoint="/bin/sh", args=["-c", script], **fields)
    return specs.AppDef("app", [role])


@pytest.fixture
def pool(api: str) -> str:
    asyncio.run(create_pool(POOL, "process"))
    return POOL


@pytest.fixture
def runner(pool: str) -> Runner:
    return get_runner("tests", {"prefect": {"work_pool": pool}})


def status_of(runner: Runner, handle: str) -> specs.AppStatus:
    status = runner.status(handle)
    assert status is not None
    return status


def test_an_app_in_a_pool_with_a_worker(
    api: str, runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_LOGGING_TO_API_ENABLED", "true")  # of the worker and its runs
    app = shell('echo "$OREPASS_APP $PRICE"; echo "$$$$" >&2; exec sleep 600', env={"PRICE": "$$5"})
    handle = runner.run(app, "prefect")
    waiting = status_of(runner, handle)
    assert waiting.state is AppState.SUBMITTED
    assert f"No worker is online in the work pool '{POOL}'. Start one" in waiting.msg
    with pool_with_worker(api, POOL, "process", tmp_path):
        pid = int(next(runner.log_lines(handle, streams="stderr", should_tail=True)))
        assert status_of(runner, handle).state is AppState.RUNNING and is_alive(pid)
        runner.cancel(handle)
        wait_until(lambda: status_of(runner, handle).is_terminal(), "the end of the app")
    assert status_of(runner, handle).state is AppState.CANCELLED and not is_alive(pid)
    assert list(runner.log_lines(handle, streams="stdout")) == [f"{handle} $5"]
    assert {*runner.log_lines(handle)} == {f"{handle} $5", str(pid)}
    assert runner.describe(handle) == app


def test_one_that_fails(runner: Runner) -> None:
    handle = runner.run(shell("echo wrong >&2; exit 7"), "prefect", app_id="fails")
    (run,) = runs_called("fails")
    assert run_flow(run_app, run, run.parameters, return_type="state").is_failed()  # as a worker runs it
    status, host = status_of(runner, handle), socket.gethostname()
    assert (status.state, status.msg) == (AppState.FAILED, f"main ended with exit code 7 on {host}: wrong")
    assert status.roles[0].replicas == (specs.ReplicaStatus(0, AppState.FAILED, "main", host, 7),)
    runner.forget(handle)
    assert runner.status(handle) is None


def test_one_that_waits_is_listed_and_cancelled(runner: Runner) -> None:
    handle = runner.run(shell("true"), "prefect", app_id="once")
    assert runner.run(shell("true"), "prefect", app_id="once") == handle
    with pytest.raises(ConfigError, match="There is another app prefect://tests/once already"):
        runner.run(shell("false"), "prefect", app_id="once")
    runner.cancel(handle)
    assert status_of(runner, handle).state is AppState.CANCELLED
    newest = runner.list("prefect")[0]
    assert (newest.session, newest.app_id, newest.name, newest.state) == ("tests", "once", "app", AppState.CANCELLED)
    runner.forget(handle)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image": "/nowhere"}, "The folder /nowhere is not there"),
        ({"entrypoint": "/nowhat"}, "program /nowhat is not"),
    ],
)
def test_what_the_worker_has_not_is_told(fields: dict[str, str], said: str, api: str) -> None:
    role = specs.Role("main", **{"image": "", "entrypoint": "/bin/true", **fields})
    state = run_app(to_document(specs.AppDef("app", [role])), "prefect://tests/there", return_state=True)
    assert state.is_failed() and said in str(state.message)


def test_a_pools_template_gets_what_the_app_needs(api: str, runner: Runner) -> None:
    asyncio.run(create_pool("tests-jobs", "orepass-slurm"))
    app = shell("true", resource=specs.Resource(cpu=3, gpu=-1, memMB=2048))
    to_slurm = {"work_pool": "tests-jobs", "job_variables": {"partition": "long"}}
    asked = str(runner.dryrun(app, "prefect", to_slurm))
    assert "cpus: 3\n  mem_gb: 3.0\n  partition: long\n" in asked and "gpus" not in asked
    assert "job_variables: {}" in str(runner.dryrun(app, "prefect"))
    with pytest.raises(ConfigError, match="'tests-jobs' has no job variable 'partitio'"):
        runner.dryrun(app, "prefect", {"work_pool": "tests-jobs", "job_variables": {"partitio": "long"}})


def test_what_cannot_run_is_refused(runner: Runner) -> None:
    with pytest.raises(ConfigError, match=f"No work pool 'tests-app' .* Did you mean '{POOL}'"):
        runner.dryrun(shell("true"), "prefect", {"work_pool": "tests-app"})
    with pytest.raises(ConfigError, match=r"2 replicas .* one process, once\. Use local or slurm"):
        runner.dryrun(shell("true", num_replicas=2), "prefect")
    with pytest.raises(ConfigError, match=r"/nowhere.* no folder"):
        runner.dryrun(specs.AppDef("app", [specs.Role("main", "/nowhere", "true")]), "prefect")


def test_without_a_server(tmp_path: Path) -> None:
    none = r"needs a Prefect server .* none is configured"
    with temporary_settings({PREFECT_HOME: tmp_path}), pytest.raises(AppError, match=none):
        get_runner().status("prefect://tests/once")
