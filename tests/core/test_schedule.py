from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_steps import Options, flaky, single, times_ten

from orepass import Requirements, Store, module, together, use_store
from orepass.errors import ArrayError, ConfigError, StepError


@pytest.fixture
def options(tmp_path: Path, store: Store) -> Options:
    return Options(str(tmp_path / "journal"))


def schedule(what: Any, config: Any, over: Any = None, **more: Any) -> Any:
    return asyncio.run(what.schedule(config, over, **more))


def runs(options: Options) -> list[int]:
    """The elements for which a function was called, in order of size."""
    journal = Path(options.journal)
    return sorted(map(int, journal.read_text().split())) if journal.exists() else []


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_what_is_cached_and_what_is_left_is_said(options: Options, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "orepass")
    schedule(times_ten, options, range(44))
    caplog.clear()
    assert schedule(times_ten, options, range(55), label="populate_index") == [10 * i for i in range(55)]
    assert "populate_index: found 44 already cached array results, 11 left to compute out of 55" in lines(caplog)
    assert runs(options) == list(range(55))


def test_the_progress_of_an_array_is_said(
    options: Options, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "orepass")
    monkeypatch.setattr("orepass.board._LINE_EVERY_S", 0.0)
    with pytest.raises(ArrayError):
        schedule(times_ten, replace(options, failing=(3,)), range(4), label="populate_index")
    assert [line for line in lines(caplog) if "elements (" in line] == [
        f"populate_index: computed: {done} of 4 elements ({25 * done}%)" for done in (1, 2, 3)
    ]


def test_results_come_in_the_order_of_the_array(options: Options) -> None:
    assert schedule(times_ten, options, [3, 1, 2]) == [30, 10, 20]
    assert schedule(times_ten, options, [2, 7, 3]) == [20, 70, 30]
    assert runs(options) == [1, 2, 3, 7]


def test_an_empty_array(options: Options) -> None:
    assert schedule(times_ten, options, []) == []


def test_an_element_twice_is_computed_once(options: Options) -> None:
    assert schedule(times_ten, replace(options, seconds=0.2), [5, 5, 6, 5]) == [50, 50, 60, 50]
    assert runs(options) == [5, 6]


def test_long_arrays_go_in_chunks(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orepass.schedule._TASK_RUNS_AT_MOST", 3)
    assert schedule(times_ten, options, [*range(10), 3]) == [10 * i for i in [*range(10), 3]]
    assert runs(options) == list(range(10))


@pytest.mark.parametrize("task_runs", [1000, 2])
def test_a_failing_element_does_not_stop_the_others(
    options: Options, monkeypatch: pytest.MonkeyPatch, task_runs: int
) -> None:
    monkeypatch.setattr("orepass.schedule._TASK_RUNS_AT_MOST", task_runs)
    with pytest.raises(ArrayError, match="times_ten: 2 of 8 elements failed") as caught:
        schedule(times_ten, replace(options, failing=(2, 5)), range(8))
    failed = [str(error) for error in caught.value.exceptions]
    for element, text in zip((2, 5), failed, strict=True):
        assert f"times_ten[{element}] (element {element}) failed" in text
        assert f"ValueError: no good: {element}" in text
        assert "Last lines of its log:" in text and "Traceback" in text
        assert isinstance(caught.value.exceptions[failed.index(text)].__cause__, ValueError)
    assert runs(options) == list(range(8))
    Path(options.journal).unlink()
    with pytest.raises(ArrayError):
        schedule(times_ten, replace(options, failing=(2, 5)), range(8))
    assert runs(options) == [2, 5]


def test_a_single_failure_names_the_step_and_its_cause(options: Options) -> None:
    with pytest.raises(StepError, match=r"bad\.fr failed on .*: FileNotFoundError: .*no such thing") as caught:
        schedule(bad, {"x": 1}, label="bad.fr")
    assert "a new run computes only what is missing" in str(caught.value)


@module(version="1")
def bad(config: dict[str, int]) -> None:
    raise FileNotFoundError("no such thing")


def test_the_label_names_an_arrays_runs(options: Options, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "orepass")
    schedule(times_ten, options, [1, 2], label="populate_index.Flat.fr")
    assert "populate_index.Flat.fr: found 0 already cached array results, 2 left to compute out of 2" in lines(caplog)


def test_a_miss_is_explained(options: Options, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "orepass")
    schedule(single, options)
    assert "single: miss: no result of this module is stored yet" in lines(caplog)
    schedule(single, replace(options, index_type="IVF1024,Flat"))
    assert "single: miss: index_type 'Flat' -> 'IVF1024,Flat'" in lines(caplog)
    schedule(single, replace(options, seconds=0.01))
    assert "single: miss: seconds 0 -> 0.01" in lines(caplog)


def test_a_missing_elements_difference_is_explained(
    options: Options, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, "orepass")
    schedule(times_ten, options, [1])
    schedule(times_ten, options, [1, 2])
    assert "times_ten[1]: miss: element 1 -> 2" in lines(caplog)


def test_a_changed_file_is_named_in_the_explanation(
    options: Options, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, "orepass")
    source = tmp_path / "source.txt"
    source.write_text("one")
    schedule(single, replace(options, source=source))
    source.write_text("two")
    schedule(single, replace(options, source=source))
    (explained,) = [line for line in lines(caplog) if "miss: source" in line]
    assert explained.count(str(source)) == 2


def make(version: str = "1", text: int = 1) -> Any:
    """A module in one of two versions of its text."""

    def first(config: dict[str, Any]) -> int:
        called.append("first")
        return 1

    def second(config: dict[str, Any]) -> int:
        called.append("second")
        return 2

    function = first if text == 1 else second
    function.__qualname__ = function.__name__ = "versioned"
    return module(version=version, name="versioned")(function)


called: list[str] = []


def test_a_raised_version_recomputes_and_another_text_does_not(
    options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    called.clear()
    assert schedule(make(), {}) == 1
    assert schedule(make(text=2), {}) == 1
    assert schedule(make(text=2), {}) == 1
    assert called == ["first"]
    said = [line for line in lines(caplog) if "versioned: results made by another text of its function" in line]
    assert len(said) == 1 and "Raise the version" in said[0]
    caplog.set_level(logging.INFO, "orepass")
    assert schedule(make("2", text=2), {}) == 2
    assert called == ["first", "second"]
    assert "versioned: miss: version '1' -> '2'" in lines(caplog)


def test_mappings_and_dataclasses_are_one_configuration(options: Options) -> None:
    schedule(times_ten, options, [1])
    assert schedule(times_ten, {"seconds": 0, "journal": options.journal}, [1]) == [10]
    assert runs(options) == [1]
    with pytest.raises(ConfigError, match="Did you mean 'seconds'"):
        schedule(times_ten, {"journal": "x", "second": 1}, [1])


def test_the_timeout_changes_no_key_but_the_requirements(options: Options) -> None:
    schedule(times_ten, options, [1])
    schedule(times_ten, replace(options, timeout_min=5), [1])
    assert runs(options) == [1]
    assert times_ten.requirements(replace(options, timeout_min=5)).timeout_min == 5
    assert times_ten.requirements(options).timeout_min is None


def test_steps_side_by_side_that_want_the_same(options: Options) -> None:
    async def both() -> list[Any]:
        slow = replace(options, seconds=0.3)
        return await together(times_ten.schedule(slow, [1, 2]), times_ten.schedule(slow, [2, 3]))

    assert asyncio.run(both()) == [[10, 20], [20, 30]]
    assert runs(options) == [1, 2, 3]


def test_parts_side_by_side_all_run_to_their_end(options: Options) -> None:
    async def both() -> list[Any]:
        return await together(
            times_ten.schedule(replace(options, failing=(1,)), [1]),
            times_ten.schedule(replace(options, seconds=0.3), [2]),
        )

    with pytest.raises(ArrayError):
        asyncio.run(both())
    assert runs(options) == [1, 2]


def test_a_plain_call_needs_neither_server_nor_store(options: Options) -> None:
    assert times_ten(options, 3) == 30
    assert times_ten(options, 3) == 30
    assert runs(options) == [3, 3]
    assert single(options).file.read_text() == "Flat"
    assert not Path(options.journal).with_name("store").exists()


def test_stores_in_use_in_different_threads_are_apart(options: Options, tmp_path: Path) -> None:
    def run(name: str) -> None:
        use_store(Store(tmp_path / name))
        schedule(times_ten, options, [1])

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs(options) == [1, 1]
    assert (tmp_path / "a" / "times_ten").is_dir() and (tmp_path / "b" / "times_ten").is_dir()


def test_retries_outside_of_a_flow_are_prefects_business(options: Options) -> None:
    with pytest.raises(ArrayError):
        schedule(flaky, replace(options, failing=(1,)), [1, 2])
    assert schedule(flaky, replace(options, failing=(1,)), [1, 2]) == [1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("async def f(config): ...", "is a coroutine function"),
        ("def f(): ...", "takes 0 parameters"),
        ("def f(a, b, c): ...", "takes 3 parameters"),
    ],
)
def test_functions_that_cannot_be_modules(text: str, said: str) -> None:
    names: dict[str, Any] = {}
    exec(text, names)
    with pytest.raises(ConfigError, match=said):
        module(names["f"])


def test_two_modules_of_one_name_are_an_error(options: Options) -> None:
    def other(config: dict[str, Any]) -> None: ...

    with pytest.raises(ConfigError, match="Two modules are called 'times_ten'"):
        module(name="times_ten")(other)


@pytest.mark.parametrize("wrong", [{"cpus": 0}, {"gpus": -1}, {"mem_gb": 0}, {"timeout_min": 0}])
def test_requirements_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Requirements(**wrong)


def test_results_are_validated_one_at_a_time(options: Options, tmp_path: Path) -> None:
    """So that a validation that reads files need not be safe in threads."""

    async def many() -> None:
        await together(*(careful.schedule({"array": i}, range(20)) for i in range(4)))

    for _ in range(2):
        overlapping.clear()
        asyncio.run(many())
        assert set(overlapping) == {1}


overlapping: list[int] = []
inside: list[int] = []


def _watch(output: int, config: dict[str, int], element: int) -> bool:
    inside.append(element)
    time.sleep(0.001)
    overlapping.append(len(inside))
    inside.pop()
    return True


@module(version="1", validate=_watch)
def careful(config: dict[str, int], element: int) -> int:
    return element
