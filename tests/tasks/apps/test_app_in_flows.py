"""Apps in Prefect flows: as tasks, as flows, and with a control flow of their own."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.runtime import flow_run
from processes_of_tests import wait_until

import orepass.specs as specs
from orepass import Module, Store, together
from orepass.blocks.launchers import DebugLauncher, LocalLauncher
from orepass.errors import ConfigError, StepError, StepTimeout
from orepass.runner import get_runner
from orepass.specs import AppState
from orepass.tasks.apps.app import AppResult
from orepass.tasks.apps.as_flow import flow_from_app
from orepass.tasks.apps.as_task import task_from_app

pytestmark = pytest.mark.usefixtures("api", "store")

# Its workers have the environment of the first test, so what they write goes where they are told.
LOCAL = LocalLauncher(cpus=2).task_runner


def sh(name: str, script: str, *arguments: str, **fields: Any) -> specs.AppDef:
    return specs.AppDef(name, [specs.Role("main", "", "/bin/sh", ["-c", script, "sh", *arguments], **fields)])


def states(**options: Any) -> list[AppState]:
    """How the apps stand that were submitted."""
    return [one.state for one in get_runner(scheduler_options={"local": options}).list("local")]


async def task_runs(flow_run_id: str, count: int) -> list[tuple[str, str]]:
    """Names and states of the task runs of a flow run, once the server knows the last of so many."""
    for _ in range(100):
        async with get_client() as client:
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))  # type: ignore[list-item]
            found = await client.read_task_runs(flow_run_filter=wanted)
        if len(found) == count and all(run.state is not None and run.state.is_final() for run in found):
            return sorted((run.name, run.state.name or "") for run in found if run.state)
        await asyncio.sleep(0.1)
    return []


def test_an_app_is_one_task_of_its_own_name_and_fails_until_it_does_not(tmp_path: Path, apps: Path) -> None:
    """On the workers of a launcher, with the lines of the app in the log of the flow run."""
    script = 'if [ -e "$1" ]; then echo the second time; else echo the first time; touch "$1"; exit 3; fi'
    clean = task_from_app(sh("clean", script, str(tmp_path / "been there")), cfg={"folder": apps}, retries=1)

    @flow(task_runner=LOCAL())
    async def cleaning() -> tuple[str, AppResult, AppResult]:
        return str(flow_run.id), await clean.schedule(), await clean.schedule(label="again")

    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    prefects = logging.getLogger("prefect.task_runs")
    prefects.addHandler(handler)
    try:
        run, first, again = asyncio.run(cleaning())
    finally:
        prefects.removeHandler(handler)
    assert (first.state, again) == (AppState.SUCCEEDED, first)
    assert asyncio.run(task_runs(run, 2)) == [("again", "Cached"), ("clean", "Completed")]
    assert sorted(states()) == [AppState.SUCCEEDED, AppState.FAILED]
    assert {"main/0: the first time", "main/0: the second time"} <= {*said}


def test_an_app_past_its_time_is_cancelled_with_its_step(apps: Path) -> None:
    sleep = task_from_app(sh("sleep", "sleep 600"), cfg={"folder": apps, "grace_s": 0.5}, timeout_min=0.05)

    @flow(task_runner=LOCAL())
    async def sleeping() -> None:
        await sleep.schedule()

    with pytest.raises(StepTimeout, match="killed after its timeout_min"):
        asyncio.run(sleeping())
    wait_until(lambda: states() and {*states()} == {AppState.CANCELLED}, "the app to be cancelled")


def test_an_app_is_called_and_submitted_like_any_module() -> None:
    hello = task_from_app(sh("hello", "echo hello > $OREPASS_OUTPUT/said"))
    assert isinstance(hello, Module)
    outside = hello()
    assert (outside.folder / "said").read_text() == "hello\n"

    @flow
    def submitting() -> tuple[str, AppResult, AppResult]:
        return str(flow_run.id), hello.submit().result(), hello()

    run, submitted, called = submitting()
    assert submitted == called
    assert (submitted.folder / "said").read_text() == "hello\n"
    assert [name for name, _ in asyncio.run(task_runs(run, 2))] == ["hello", "hello"]
    assert len(states()) == 2


def test_a_task_is_still_itself_where_it_travels_to() -> None:
    task = task_from_app(sh("hello", "true"), retries=2)
    there = cloudpickle.loads(cloudpickle.dumps(task))
    assert (there.config, there.retries, there.name) == (task.config, 2, "app")
    assert task.with_options(retries=3).config is task.config


def test_roles_are_tasks_side_by_side() -> None:
    roles = [
        specs.Role("reader", "", "/bin/sh", ["-c", "echo read > $OREPASS_OUTPUT/out"]),
        specs.Role("writer", "", "/bin/sh", ["-c", "echo written > $OREPASS_OUTPUT/out"], num_replicas=2),
    ]
    both = flow_from_app(specs.AppDef("both", roles), task_runner=DebugLauncher().task_runner())
    assert both.name == "both"
    results = asyncio.run(both())
    assert {name: (one.folder / "out").read_text() for name, one in results.items()} == {
        "reader": "read\n",
        "writer": "written\n",
    }
    assert [one.name for one in get_runner().list("local")].count("both-reader") == 1
    broken = flow_from_app(specs.AppDef("both", [roles[0], specs.Role("writer", "", "/bin/false")]))
    with pytest.raises(StepError, match=r"writer failed on .*: AppError: The app both-writer failed"):
        asyncio.run(broken())


@pytest.mark.parametrize("words", [{"args": ["$rank0_env"]}, {"env": {"HOST": "${rank0_env}"}}])
def test_roles_that_need_one_another_stay_together(words: dict[str, Any]) -> None:
    first = specs.Role("first", "", "/bin/echo", ["${rank0_env}"])
    flow_from_app(specs.AppDef("one", [first]))
    with pytest.raises(ConfigError, match=r"The role 'second' of the app 'two' uses \$\{rank0_env\}.*task_from_app"):
        flow_from_app(specs.AppDef("two", [first, specs.Role("second", "", "/bin/echo", **words)]))


def test_an_app_with_a_control_flow_of_its_own_is_a_function_or_a_subflow(store: Store) -> None:
    def trial(x: int) -> specs.AppDef:
        return sh(f"trial-{x}", f"echo $((({x} - 3) * ({x} - 3))) > $OREPASS_OUTPUT/loss")

    async def search(low: int, high: int) -> int:
        """The next interval is decided by what the trials before it gave."""
        while low < high:
            middle = (low + high) // 2
            tried = await together(*(task_from_app(trial(x)).schedule() for x in (middle, middle + 1)))
            losses = [int((one.folder / "loss").read_text()) for one in tried]
            low, high = (low, middle) if losses[0] <= losses[1] else (middle + 1, high)
        return low

    @flow(task_runner=DebugLauncher().task_runner())
    async def inlined() -> tuple[str, int]:
        return str(flow_run.id), await search(0, 7)

    subflow = flow(search, name="search", task_runner=DebugLauncher().task_runner())

    @flow
    async def outer() -> tuple[str, int]:
        return str(flow_run.id), await subflow(0, 7)

    run, best = asyncio.run(inlined())
    assert best == 3
    assert len(asyncio.run(task_runs(run, 6))) == 6
    tried = len(states())
    run, best = asyncio.run(outer())
    assert (best, len(states())) == (3, tried)
