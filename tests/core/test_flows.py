"""Modules in Prefect flows: against a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_steps import Options, flaky, picky, single, times_ten
from prefect import flow, tags, task, unmapped
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from orepass import Store, module, run_report
from orepass.blocks.launchers import DebugLauncher, LocalLauncher
from orepass.blocks.store import StoreBlock
from orepass.errors import ArrayError, StepError

pytestmark = pytest.mark.usefixtures("api")

RUNNERS: dict[str, Any] = {
    "debug": DebugLauncher().task_runner,
    "local": LocalLauncher(cpus=2).task_runner,
    "threads": lambda: ThreadPoolTaskRunner(max_workers=2),
}


@pytest.fixture
def options(tmp_path: Path, store: Store) -> Options:
    return Options(str(tmp_path / "journal"))


def runs(options: Options) -> list[str]:
    """What the functions of modules wrote when they were called."""
    journal = Path(options.journal)
    return sorted(journal.read_text().split()) if journal.exists() else []


def forget(options: Options) -> None:
    Path(options.journal).unlink(missing_ok=True)


async def read_task_runs(flow_run_id: str) -> list[TaskRun]:
    async with get_client() as client:
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))  # type: ignore[list-item]
        return await client.read_task_runs(flow_run_filter=wanted)


async def task_runs(flow_run_id: str, count: int) -> list[tuple[str, str]]:
    """Names and states of the task runs of a flow run, once the server knows the last of so many."""
    for _ in range(100):
        found = await read_task_runs(flow_run_id)
        if len(found) == count and all(run.state is not None and run.state.is_final() for run in found):
            return sorted((run.name, run.state.name or "") for run in found if run.state)
        await asyncio.sleep(0.1)
    return []


@flow
async def one_and_many(options: Options, count: int) -> tuple[str, list[int], Any]:
    result = await single.schedule(options)
    return str(flow_run.id), [result.size, *await times_ten.schedule(options, over=range(count))], run_report()


@pytest.mark.parametrize("name", sorted(RUNNERS))
def test_a_flow_computes_once_on_every_runner(options: Options, name: str) -> None:
    run = one_and_many.with_options(task_runner=RUNNERS[name]())
    _, results, report = asyncio.run(run(options, 3))
    assert results == [4, 0, 10, 20]
    assert [(step.step, step.cached, step.computed) for step in report.steps] == [
        ("single", 0, 1), ("times_ten", 0, 3),
    ]  # fmt: skip
    assert runs(options) == ["0", "1", "2", "Flat"]
    _, again, report = asyncio.run(run(options, 4))
    assert again == [4, 0, 10, 20, 30]
    assert [(step.cached, step.computed) for step in report.steps] == [(1, 0), (3, 1)]
    assert runs(options) == ["0", "1", "2", "3", "Flat"]
    assert report.steps[1].saved_seconds > 0


def test_a_single_hit_is_a_cached_task_run_and_hits_of_an_array_are_none(options: Options) -> None:
    first, _, _ = asyncio.run(one_and_many(options, 2))
    second, _, report = asyncio.run(one_and_many(options, 3))
    assert asyncio.run(task_runs(first, 3)) == [
        ("single", "Completed"), ("times_ten[0]", "Completed"), ("times_ten[1]", "Completed"),
    ]  # fmt: skip
    assert asyncio.run(task_runs(second, 2)) == [("single", "Cached"), ("times_ten[2]", "Completed")]
    assert not report.all_cached


def test_the_log_of_an_array_is_not_one_of_its_elements(options: Options) -> None:
    said: list[tuple[str, str]] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append((record.task_run_name, record.getMessage()))  # type: ignore
    prefects = logging.getLogger("prefect.task_runs")
    prefects.addHandler(handler)
    try:
        asyncio.run(one_and_many(options, 3))
        with pytest.raises(ArrayError):
            asyncio.run(array(replace(options, failing=(3,)), 5))
    finally:
        prefects.removeHandler(handler)
    ends = [(name, text) for name, text in said if text.startswith("Finished in state")]
    assert [name for name, _ in ends] == ["single", "times_ten.Flat.fr[3]"]
    assert ends[0][1] == "Finished in state Completed()"
    assert "Failed" in ends[1][1]


def test_a_task_run_has_the_tags_and_the_parent_that_prefect_would_give_it(options: Options) -> None:
    @task
    async def outer() -> None:
        with tags("night"):
            await single.with_options(tags=["mine"]).schedule(options)

    @flow
    async def nested() -> str:
        await outer()
        return str(flow_run.id)

    run = asyncio.run(nested())
    assert [state for _, state in asyncio.run(task_runs(run, 2))] == ["Completed", "Completed"]
    found = {one.name.partition("-")[0]: one for one in asyncio.run(read_task_runs(run))}
    assert sorted(found["single"].tags) == ["mine", "night"]
    assert [parent.id for parent in found["single"].task_inputs["__parents__"]] == [found["outer"].id]
    assert found["single"].total_run_time.total_seconds() > 0


def test_the_summary_is_an_artifact(options: Options) -> None:
    asyncio.run(one_and_many(options, 2))
    run, _, report = asyncio.run(one_and_many(options, 2))
    assert report.all_cached
    artifact: Any = asyncio.run(Artifact.aget("cache-summary"))
    assert str(artifact.flow_run_id) == run
    assert [(row["step"], row["from cache"], row["computed"]) for row in json.loads(artifact.data)] == [
        ("single", 1, 0), ("times_ten", 2, 0),
    ]  # fmt: skip


@flow
async def array(options: Options, count: int) -> list[int]:
    return await times_ten.schedule(options, over=range(count), label="times_ten.Flat.fr")


def test_failed_elements_of_a_flow(options: Options) -> None:
    failing = replace(options, failing=(1, 3))
    with pytest.raises(ArrayError, match=r"times_ten\.Flat\.fr: 2 of 5 elements failed") as caught:
        asyncio.run(array(failing, 5))
    assert len(caught.value.exceptions) == 2
    assert runs(options) == ["0", "1", "2", "3", "4"]
    forget(options)
    with pytest.raises(ArrayError):
        asyncio.run(array(failing, 5))
    assert runs(options) == ["1", "3"]


def test_chunks_of_a_flow(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orepass.schedule._TASK_RUNS_AT_MOST", 2)
    with pytest.raises(ArrayError, match="1 of 5 elements failed"):
        asyncio.run(array(replace(options, failing=(1,)), 5))
    assert runs(options) == ["0", "1", "2", "3", "4"]


@flow
async def retried(options: Options) -> list[int]:
    return await flaky.with_options(retries=2).schedule(options, over=range(3))


@pytest.mark.parametrize("name", sorted(RUNNERS))
def test_a_failed_element_is_retried_and_the_others_are_not(options: Options, name: str) -> None:
    run = retried.with_options(task_runner=RUNNERS[name]())
    assert asyncio.run(run(replace(options, failing=(1,)))) == [0, 1, 2]
    assert runs(options) == ["0", "1", "1", "2"]


@flow
def prefects_own(options: Options) -> tuple[list[int], str, int]:
    elements = times_ten.map(unmapped(options), [0, 1, 2])
    direct = times_ten(options, 1)
    keyword = times_ten(config=options, element=2)
    return [*elements.result(), direct, keyword], picky.submit(options).result(), single(options).size


@flow
async def prefects_own_async(options: Options) -> tuple[list[int], str, int]:
    elements = [times_ten.submit(options, i) for i in range(3)]
    direct = times_ten(options, 1)
    return [*[element.result() for element in elements], direct], picky(options), single(options).size


def test_submit_map_and_direct_calls_use_the_same_store(options: Options) -> None:
    assert prefects_own(options) == ([0, 10, 20, 10, 20], "Flat", 4)
    assert runs(options) == ["0", "1", "2", "Flat", "picky"]
    forget(options)
    assert prefects_own(options) == ([0, 10, 20, 10, 20], "Flat", 4)
    _, results, report = asyncio.run(one_and_many(options, 3))
    assert results == [4, 0, 10, 20] and report.all_cached
    assert runs(options) == []


def test_direct_calls_in_an_async_flow(options: Options) -> None:
    asyncio.run(one_and_many(options, 3))
    forget(options)
    assert asyncio.run(prefects_own_async(options)) == ([0, 10, 20, 10], "Flat", 4)
    assert runs(options) == ["picky"]


@flow
def optional_element(config: dict[str, int]) -> list[int]:
    return [with_default(config), with_default(config, None), with_default(config, 3)]


def test_a_call_without_its_element_is_that_of_schedule(store: Store) -> None:
    """Prefect fills in the default; the key must not know."""
    assert optional_element({"x": 1}) == [-1, -1, 3]
    assert len(list((store.root / "with_default").iterdir())) == 2
    asyncio.run(with_default.schedule({"x": 1}))
    assert len(list((store.root / "with_default").iterdir())) == 2


@module(version="1")
def with_default(config: dict[str, int], element: int | None = None) -> int:
    return -1 if element is None else element


@flow
def failing_call(options: Options) -> None:
    times_ten(options, 1)


def test_a_direct_call_that_fails_says_why_and_is_not_cached(options: Options) -> None:
    for _ in range(2):
        with pytest.raises(StepError, match="no good: 1"):
            failing_call(replace(options, failing=(1,)))
    assert runs(options) == ["1", "1"]


def test_a_damaged_result_of_a_direct_call_is_computed_again(options: Options, store: Store) -> None:
    expected = prefects_own(options)
    for record in store.root.glob("times_ten/*/record.json"):
        record.write_text("{")
    forget(options)
    assert prefects_own(options) == expected
    assert runs(options) == ["0", "1", "2"]


class Loaded:
    """Unpickling one leaves a folder behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.trace),))


def planted(trace: Path) -> dict[str, bytes]:
    """Documents that Prefect would run code for, if it got them."""
    code = base64.encodebytes(pickle.dumps(Loaded(trace))).decode()
    call = json.dumps({"x": {"__class__": "subprocess.getoutput", "data": {"cmd": f"mkdir {trace}"}}})
    error = json.dumps({"__exc_type__": "builtins.ValueError", "message": "x"})
    serializers: dict[str, tuple[Any, str]] = {
        "pickle": ({"type": "pickle"}, code),
        "compressed": ({"type": "compressed/pickle"}, code),
        "disguised": ({"type": "compressed/json", "serializer": {"type": "pickle"}}, code),
        "decoder": ({"type": "json", "object_decoder": "subprocess.Popen"}, json.dumps({"mkdir": str(trace)})),
        "class": ({"type": "json"}, call),
        "exception": ({"type": "json"}, error),
    }
    documents = {
        name: json.dumps({"metadata": {"storage_key": name, "serializer": serializer}, "result": result}).encode()
        for name, (serializer, result) in serializers.items()
    }
    return {**documents, "raw": pickle.dumps(Loaded(trace))}


@pytest.mark.parametrize("kind", sorted(planted(Path("/nowhere"))))
def test_documents_that_run_code_are_not_read(store: Store, tmp_path: Path, kind: str) -> None:
    """Neither a plain task whose results are in the store, nor a module, is led to load what was planted."""
    trace = tmp_path / "trace"
    block = StoreBlock(root=store.root)
    block.save(f"planted-{kind}", overwrite=True)

    @task(persist_result=True, result_storage=block, cache_key_fn=lambda *_: "the-key", result_serializer="json")
    def plain() -> int:
        return 7

    @flow(persist_result=True, result_storage=block, result_serializer="json")
    def both() -> int:
        return plain()

    for place in ("the-key", "single/the-key"):
        (store.layout.prefect / place).parent.mkdir(parents=True, exist_ok=True)
        (store.layout.prefect / place).write_bytes(planted(trace)[kind])
        (store.root / place).parent.mkdir(parents=True, exist_ok=True)
        (store.root / place).write_bytes(planted(trace)[kind])
    try:
        both()
    except Exception as error:  # an error is as good as computing it again
        assert "plain JSON" in str(error) or "plain JSON" in str(error.__cause__)
    assert not trace.exists()


def test_plain_results_in_the_store_are_read_again(store: Store) -> None:
    block = StoreBlock(root=store.root)
    block.save("plain", overwrite=True)
    ran: list[int] = []

    @task(persist_result=True, result_storage=block, cache_key_fn=lambda *_: "sub/plain-key", result_serializer="json")
    def plain() -> dict[str, Any]:
        ran.append(1)
        return {"a": [1, 2.5, None]}

    @flow
    def run() -> dict[str, Any]:
        return plain()

    assert run() == run() == {"a": [1, 2.5, None]}
    assert ran == [1]
    assert (store.layout.prefect / "sub" / "plain-key").is_file()
