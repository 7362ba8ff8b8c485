"""Runs and prunings of the same results, in real processes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from example_steps import Options, single
from processes_of_tests import Run, RunScript, wait_until

from orepass import Store
from orepass.claims import DEAD_AFTER_S, Owner
from orepass.in_use import announce, pruning
from orepass.notices import Notice
from orepass.upkeep import Pruned, plan_prune, prune, results

RUN = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from example_steps import Options, reads_file, single

async def run(options, given, between, go):
    await reads_file.schedule(replace(options, source=given))
    found = await single.schedule(options)
    computed = await single.schedule(replace(options, index_type="computed"))
    between.touch()
    while not go.exists():
        await asyncio.sleep(0.01)
    for one in (found, computed):
        print(await reads_file.schedule(replace(options, source=one.file)))

if __name__ == "__main__":
    asyncio.run(run(Options(sys.argv[1]), *map(Path, sys.argv[2:])))
"""

PRUNER = """
import sys, time
from pathlib import Path
from orepass import current_store
from orepass.in_use import pruning
from orepass.upkeep import results

if __name__ == "__main__":
    store = current_store()
    with pruning(store.layout, {result.entry.name for result in results(store)}):
        Path(sys.argv[1]).touch()
        time.sleep(1000)
"""

MANY_RUNS = """
import asyncio, os, sys, time, traceback
from example_steps import Options, single
from orepass import provenance

def run(options):
    file = asyncio.run(single.schedule(options)).file
    for _ in range(10):
        assert file.read_text() == options.index_type
        time.sleep(0.001)

if __name__ == "__main__":
    provenance.packages(), provenance.git_commit(single.folder)  # not in every child
    for i in range(int(sys.argv[2])):
        pid = os.fork()
        if pid == 0:
            try:
                run(Options(sys.argv[1], index_type=str(i % 3)))
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            sys.exit(1)
"""


@pytest.fixture
def options(store: Store, tmp_path: Path) -> Options:
    return Options(str(tmp_path / "journal"))


def schedule(options: Options) -> Path:
    return asyncio.run(single.schedule(options)).file


def runs(options: Options) -> list[str]:
    """What the functions of modules wrote when they were called."""
    return Path(options.journal).read_text().split()


def prune_all(store: Store) -> Pruned:
    return prune(store, plan_prune(store))


def notices(store: Store) -> list[Path]:
    return [path for folder in (store.layout.in_use, store.layout.pruning) for path in folder.glob("*")]


def between_two_steps(run_script: RunScript, options: Options, tmp_path: Path) -> Run:
    """A run that was given a file of the store, has found one result and computed another, and needs them again."""
    _, given, _ = (schedule(replace(options, index_type=name)) for name in ("other", "given", "Flat"))
    run = run_script(RUN, options.journal, given, tmp_path / "between", tmp_path / "go")
    wait_until((tmp_path / "between").exists, "the run to have its results")
    return run


def noted_by(folder: Path, host: str, pid: int, name: str, age: float = 0) -> Path:
    """Pretend that another process has written a file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{host}{pid}"
    path.write_text(json.dumps({"host": host, "pid": pid, "started": "1"}) + f"\n{name}\n")
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    return path


def test_what_a_run_needs_stays_until_it_ends(
    run_script: RunScript, store: Store, options: Options, tmp_path: Path
) -> None:
    run = between_two_steps(run_script, options, tmp_path)
    pruned = prune_all(store)
    assert [result.record.config["index_type"] for result in pruned.removed] == ["other"]
    assert {(result.entry.module, result.record.config["index_type"]) for result in pruned.in_use} == {
        ("single", "given"), ("single", "Flat"), ("single", "computed"), ("reads_file", "Flat"),
    }  # fmt: skip
    (tmp_path / "go").touch()
    assert run.end() == "Flat\ncomputed\n"
    assert runs(options) == ["other", "given", "Flat", "read", "computed", "read", "read"]
    assert len(notices(store)) == 1, "only that of this process"
    assert len(prune_all(store).removed) == 6


def test_what_a_killed_run_needed_goes(run_script: RunScript, store: Store, options: Options, tmp_path: Path) -> None:
    between_two_steps(run_script, options, tmp_path).kill()
    pruned = prune_all(store)
    assert (len(pruned.removed), pruned.in_use) == (5, [])
    assert len(notices(store)) == 2
    store.sweep()
    assert len(notices(store)) == 1


def test_a_run_waits_for_a_pruning_and_not_for_a_dead_one(
    run_script: RunScript, store: Store, options: Options, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "orepass")
    file = schedule(options)
    pruner = run_script(PRUNER, tmp_path / "begun")
    wait_until((tmp_path / "begun").exists, "the pruning to begin")

    async def wait_and_kill() -> Path:
        run = asyncio.create_task(single.schedule(options))
        while "which prunes the store" not in caplog.text:
            await asyncio.sleep(0.01)
        assert not run.done()
        pruner.kill()
        return (await run).file

    assert asyncio.run(wait_and_kill()) == file
    assert f"waiting for process {pruner.process.pid}" in caplog.text
    assert runs(options) == ["Flat"]


def test_whenever_they_come_no_run_loses_a_result(
    run_script: RunScript, store: Store, options: Options, tmp_path: Path
) -> None:
    many = run_script(MANY_RUNS, options.journal, 12)
    removed = 0
    while many.process.poll() is None:
        removed += len(prune_all(store).removed)
    assert many.process.returncode == 0, many.output
    assert removed > 3, "nothing was tried"


def test_the_heartbeat_decides_about_another_host(store: Store, options: Options) -> None:
    schedule(options)
    (result,) = results(store)
    notice = noted_by(store.layout.in_use, "elsewhere", 1, result.entry.name, DEAD_AFTER_S - 20)
    assert prune_all(store).in_use == [result]
    then = notice.stat().st_mtime - 40
    os.utime(notice, (then, then))
    assert prune_all(store).removed == [result]


def test_sweep_leaves_what_may_live(store: Store) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    noted_by(store.layout.in_use, Owner.this_process().host, dead.pid, "a/b")
    noted_by(store.layout.pruning, Owner.this_process().host, dead.pid, "a/b")
    elsewhere = noted_by(store.layout.in_use, "elsewhere", 1, "a/b", age=3600)
    noted_by(store.layout.in_use, "elsewhere", 2, "a/b", age=8 * 24 * 3600)
    begun = store.layout.in_use / "begun"
    begun.touch()
    announce(store.layout, ["a/c"])
    mine = [path for path in notices(store) if "a/c" in path.read_text()]
    store.sweep()
    assert sorted(notices(store)) == sorted([elsewhere, begun, *mine])
    assert len(mine) == 1


def test_a_file_that_somebody_removed_is_written_anew(tmp_path: Path) -> None:
    notice = Notice(tmp_path / "in-use")
    notice.add(["a/1", "a/2"])
    notice.add(["a/2"])
    assert notice.path.read_text().split("\n")[1:] == ["a/1", "a/2", ""]
    notice.path.unlink()
    notice.add(["a/3"])
    assert sorted(notice.path.read_text().split("\n")[1:]) == ["", "a/1", "a/2", "a/3"]
    notice.withdraw()
    assert not notice.path.exists()


def test_a_pruning_that_fails_holds_nobody_up(store: Store) -> None:
    with pytest.raises(RuntimeError), pruning(store.layout, ["a/b"]):
        assert announce(store.layout, ["a/b"]) == Owner.this_process()
        assert announce(store.layout, ["a/c"]) is None
        raise RuntimeError
    assert announce(store.layout, ["a/b"]) is None
