from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from example_steps import Options, picky, reads_file, single, times_ten

from orepass import Store, module, use_store, workdir
from orepass.errors import ResultError, StepError, StoreError
from orepass.publish import publish


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(str(tmp_path / "journal"))


def schedule(what: Any, config: Any, over: Any = None) -> Any:
    return asyncio.run(what.schedule(config, over))


def runs(options: Options) -> int:
    """How often the function of a module was called."""
    journal = Path(options.journal)
    return len(journal.read_text().splitlines()) if journal.exists() else 0


def entries(store: Store, name: str = "single") -> list[Path]:
    return sorted(path for path in (store.root / name).iterdir())


def aside(store: Store) -> list[Path]:
    return sorted(store.layout.set_aside.iterdir()) if store.layout.set_aside.exists() else []


class Loaded:
    """Unpickling one leaves a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.trace),))


def test_a_result_is_computed_once(store: Store, options: Options) -> None:
    first = schedule(single, options)
    assert schedule(single, options) == first
    assert runs(options) == 1
    assert first.file.read_text() == "Flat"
    assert first.file.is_relative_to(store.root)


def test_the_record_says_who_what_and_when(store: Store, options: Options) -> None:
    schedule(single, options)
    (entry,) = entries(store)
    record = json.loads((entry / "record.json").read_text())
    assert record["key"] == entry.name
    assert record["function"] == "example_steps:single"
    assert record["config"]["index_type"] == "Flat"
    assert record["outputs"]["out.txt"]["size"] == 4
    assert record["peak_memory_bytes"] > 1_000_000
    assert {"python", "orepass", "numpy"} <= set(record["packages"])
    assert len(record["source"]) == 32
    for name in ("started", "seconds", "cpu_seconds", "host", "pid", "version", "git_commit"):
        assert name in record


def _cut(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-2])


def _grow(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")


def _empty(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def _into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (_cut, "record.json"), (_empty, "record.json"), (Path.unlink, "record.json"),
        (_cut, "out.txt"), (_grow, "out.txt"), (Path.unlink, "out.txt"), (_into_folder, "out.txt"),
    ],
)  # fmt: skip
def test_a_damaged_result_is_set_aside_and_computed_again(
    store: Store, options: Options, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], what: str
) -> None:
    expected = schedule(single, options)
    (entry,) = entries(store)
    damage(entry / what)
    with caplog.at_level(logging.WARNING):
        assert schedule(single, options) == expected
    assert runs(options) == 2
    assert len(aside(store)) == 1
    assert "set aside" in caplog.text and what.partition(".")[0] in caplog.text.replace("record: ", "record ")
    assert schedule(single, options) == expected
    assert runs(options) == 2


def test_an_output_of_another_size_is_told_with_both_sizes(
    store: Store, options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    schedule(single, options)
    (entry,) = entries(store)
    _grow(entry / "out.txt")
    schedule(single, options)
    assert "out.txt has 5 bytes, 4 were written" in caplog.text


def test_a_record_of_another_key_is_not_believed(store: Store, options: Options) -> None:
    schedule(single, options)
    (entry,) = entries(store)
    other = Options(options.journal, "PQ8")
    schedule(single, other)
    (stranger,) = [path for path in entries(store) if path != entry]
    shutil.rmtree(entry)
    shutil.copytree(stranger, entry)
    assert schedule(single, options).file.read_text() == "Flat"


def test_a_stored_form_that_no_longer_fits_is_set_aside(
    store: Store, options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a field was added to the class of the result."""
    schedule(single, options)
    (entry,) = entries(store)
    record = json.loads((entry / "record.json").read_text())
    del record["result"]["fields"]["size"]
    (entry / "record.json").write_text(json.dumps(record))
    assert schedule(single, options).size == 4
    assert "set aside" in caplog.text
    assert runs(options) == 2


def test_validate_refuses_what_is_fresh_and_what_is_stored(
    store: Store, options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StepError, match=r"validate\(\) of picky refuses it"):
        schedule(picky, Options(options.journal, "refused"))
    assert not (store.root / "picky").exists()
    schedule(picky, options)
    (entry,) = entries(store, "picky")
    record = (entry / "record.json").read_text()
    (entry / "record.json").write_text(record.replace('"result": "Flat"', '"result": "refused"'))
    assert schedule(picky, options) == "Flat"
    assert runs(options) == 3
    assert "refuses it" in caplog.text


def test_an_option_changed_and_changed_back(store: Store, options: Options) -> None:
    other = Options(options.journal, "IVF1,Flat")
    assert [schedule(single, config).file.read_text() for config in (options, other, options, other)] == [
        "Flat", "IVF1,Flat", "Flat", "IVF1,Flat",
    ]  # fmt: skip
    assert runs(options) == 2


def test_an_input_rewritten_in_place(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    options = Options(str(tmp_path / "journal"), source=source)
    source.write_text("one")
    assert schedule(reads_file, options) == "one"
    source.write_text("two")
    assert schedule(reads_file, options) == "two"
    source.write_text("one")
    assert schedule(reads_file, options) == "one"
    assert runs(options) == 2


def test_an_output_as_input_has_the_digest_of_its_record(store: Store, options: Options) -> None:
    file = schedule(single, options).file
    digest = store.digest(file)
    assert digest == json.loads((file.parent / "record.json").read_text())["outputs"]["out.txt"]["digest"]
    copy = publish(file, Path(options.journal).parent / "shown")
    assert store.digest(copy) == digest
    _empty(file.parent / "record.json")  # a damaged record does not stand in the way of a key
    assert store.digest(file) == digest


def test_what_is_in_the_store_cannot_be_written_to_but_links_lead_out_of_it(store: Store, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("the user's")
    own.chmod(0o644)
    result = schedule(links, {"own": str(own)})
    assert result["file"].stat().st_mode & 0o222 == 0
    assert own.stat().st_mode & 0o777 == 0o644


@module(version="1")
def links(config: dict[str, str]) -> dict[str, Path]:
    (workdir() / "file").write_text("x")
    (workdir() / "link").symlink_to(config["own"])
    return {"file": workdir() / "file", "link": workdir() / "link"}


@module(version="1")
def writes_record(config: dict[str, str]) -> None:
    (workdir() / "record.json").write_text("{}")


def test_an_output_may_not_be_called_like_the_record(store: Store) -> None:
    with pytest.raises(StepError, match=r"may not be called record\.json"):
        schedule(writes_record, {})


def test_a_failed_step_leaves_its_log_and_nothing_else(store: Store, options: Options) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        schedule(times_ten, Options(options.journal, failing=(1,)), [1])
    (error,) = caught.value.exceptions
    assert "Whole log: " in str(error)
    (log,) = (store.root / ".failed" / "times_ten").iterdir()
    assert "no good: 1" in log.read_text()
    assert list(store.layout.partials.iterdir()) == []


def test_a_store_can_be_moved(store: Store, options: Options, tmp_path: Path) -> None:
    schedule(single, options)
    store.root.rename(tmp_path / "moved")
    use_store(Store(tmp_path / "moved"))
    result = schedule(single, options)
    assert result.file.is_relative_to(tmp_path / "moved")
    assert result.file.read_text() == "Flat"
    assert runs(options) == 1


def test_a_store_in_an_awkward_place(options: Options, tmp_path: Path) -> None:
    root = tmp_path / "a 'quoted' \"place\"\nwith [all] #of %it"
    use_store(Store(root))
    assert schedule(single, options).file.is_relative_to(root)
    assert schedule(single, options).file.read_text() == "Flat"
    assert runs(options) == 1


def test_a_store_that_cannot_be_written_fails_loudly(options: Options, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("the user's")
    use_store(Store(tmp_path / "file" / "store"))
    for config, over in ((options, None), (options, [1, 2])):
        with pytest.raises(StoreError) as caught:
            schedule(single if over is None else times_ten, config, over)
        assert str(tmp_path / "file" / "store") in str(caught.value)
        assert "point store.root to a folder" in str(caught.value)
    assert (tmp_path / "file").read_text() == "the user's"
    assert runs(options) == 0


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount something on a fresh folder; skips where that is not allowed."""
    mounted: list[Path] = []

    def make(name: str, *arguments: str) -> Path:
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"mount is not allowed here: {done.stderr.strip()}")
        if place not in mounted:
            mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


@module(version="1")
def writes_bytes(config: dict[str, Any]) -> Path:
    (workdir() / "out").write_bytes(b"x" * config["size"])
    return workdir() / "out"


def test_a_full_store_fails_loudly_and_loses_nothing(mount: Callable[..., Path]) -> None:
    place = mount("small", "-t", "tmpfs", "-o", "size=2m", "tmpfs")
    use_store(Store(place))
    kept = schedule(writes_bytes, {"size": 1000})
    with pytest.raises((StepError, StoreError), match="No space left on device"):
        schedule(writes_bytes, {"size": 3_000_000})
    assert list((place / "writes_bytes").iterdir()) == [kept.parent]
    assert schedule(writes_bytes, {"size": 1000}) == kept
    with (place / "filler").open("wb", buffering=0) as filler:
        while True:
            try:
                filler.write(b"x" * 4096)
            except OSError:
                break
    with pytest.raises((StepError, StoreError), match=r"No space left|disk is full"):
        schedule(writes_bytes, {"size": 50_000})
    assert schedule(writes_bytes, {"size": 1000}) == kept
    (place / "filler").unlink()
    assert schedule(writes_bytes, {"size": 50_000}).stat().st_size == 50_000


def test_a_store_on_a_read_only_disk_is_read_and_not_written(mount: Callable[..., Path]) -> None:
    place = mount("disk", "-t", "tmpfs", "tmpfs")
    use_store(Store(place / "store"))
    kept = schedule(writes_bytes, {"size": 10})
    mount("disk", "-o", "remount,ro")
    assert schedule(writes_bytes, {"size": 10}) == kept
    with pytest.raises(StoreError, match=r"read-only: point store\.root"):
        schedule(writes_bytes, {"size": 11})


def test_planted_pickles_are_never_loaded(store: Store, options: Options, tmp_path: Path) -> None:
    schedule(single, options)
    (entry,) = entries(store)
    trace = tmp_path / "trace"
    pickled = pickle.dumps(Loaded(trace))
    key = Options(options.journal, "other")
    missing = store.root / "single" / ("0" * 40)
    missing.mkdir()
    places = [
        entry / "record.json", entry / "result.pkl", entry / "log.txt", missing / "record.json",
        store.root / "single" / "x.pkl", store.layout.digests / "ab" / "abc", store.layout.prefect / "x",
        store.layout.partials / "y" / "record.json", store.layout.partials / "y.owner",
        entry.parent.parent / ".claims" / "single" / entry.name / "0" / "owner.json",
    ]  # fmt: skip
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.chmod(0o644)
        place.write_bytes(pickled)
    os.utime(store.root / ".claims" / "single" / entry.name / "0", (0, 0))
    store.sweep()
    assert list(store.records("single")) == []
    assert schedule(single, options).size == 4
    schedule(single, key)
    assert not trace.exists()


def test_sweep_removes_what_dead_processes_left_and_nothing_else(store: Store) -> None:
    dead, living, nameless = (store.layout.new_partial() for _ in range(3))
    for partial in (dead, living):
        store.begin(partial, store.entry("single", "0"))
        (partial / "half").write_text("x")
    ended = subprocess.Popen(["true"])
    ended.wait()
    owner = json.loads(dead.with_suffix(".owner").read_text())
    dead.with_suffix(".owner").write_text(json.dumps({**owner, "pid": ended.pid}))
    nameless.mkdir()
    nameless.with_suffix(".owner").write_text("")
    store.sweep()
    assert not dead.exists() and not dead.with_suffix(".owner").exists()
    assert living.exists() and nameless.exists()
    week_ago = 8 * 24 * 3600
    for path in (nameless,):
        now = path.stat().st_mtime
        os.utime(path, (now - week_ago, now - week_ago))
    store.sweep()
    assert living.exists() and not nameless.exists()


def test_what_another_run_has_stored_in_the_meantime_stays(store: Store, options: Options) -> None:
    first = schedule(single, options)
    (entry,) = entries(store)
    record = store.read(store.entry("single", entry.name))
    assert record is not None
    late = store.layout.new_partial()
    store.begin(late, store.entry("single", entry.name))
    (late / "out.txt").write_text("late")
    store.commit(late, store.entry("single", entry.name), record)
    assert first.file.read_text() == "Flat"
    assert not late.exists()


def test_publish_replaces_and_never_writes_into_the_store(store: Store, options: Options, tmp_path: Path) -> None:
    file = schedule(single, options).file
    folder = tmp_path / "out put"
    shown = publish(file, folder)
    assert shown.read_text() == "Flat"
    assert publish(file, folder) == shown  # twice is as once
    other = schedule(single, Options(options.journal, "PQ8")).file
    assert publish(other, folder).read_text() == "PQ8"
    assert file.read_text() == "Flat"
    assert [path.name for path in folder.iterdir()] == ["out.txt"]


def test_publish_to_an_impossible_folder_says_where_the_result_is(
    store: Store, options: Options, tmp_path: Path
) -> None:
    file = schedule(single, options).file
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="Give another output_dir") as caught:
        publish(file, tmp_path / "file" / "out")
    assert str(file) in str(caught.value)


def test_results_that_cannot_be_stored_fail_the_step(store: Store) -> None:
    with pytest.raises(StepError, match=r"result\['x'\] is a set") as caught:
        schedule(returns_set, {})
    assert isinstance(caught.value.__cause__, ResultError)


@module(version="1")
def returns_set(config: dict[str, Any]) -> dict[str, Any]:
    return {"x": {1}}
