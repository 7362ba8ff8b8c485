"""Real processes that are killed with SIGKILL, and real processes that run at once."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from processes_of_tests import RunScript, wait_until

from orepass import Store

ARRAY = """
import asyncio, sys
from example_steps import Options, times_ten
if __name__ == "__main__":
    journal, seconds, count = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    print(asyncio.run(times_ten.schedule(Options(journal, seconds=seconds), range(count))))
"""

WRITING = """
import asyncio, sys, time
from orepass import module, workdir

@module(version="1")
def slow_writer(config: dict) -> dict:
    with (workdir() / "half").open("wb") as file:
        for i in range(config["parts"]):
            file.write(b"x" * 1000)
            file.flush()
            open(sys.argv[1], "a").write("w")
            time.sleep(float(sys.argv[2]))
    return {"file": workdir() / "half"}

if __name__ == "__main__":
    from orepass import current_store
    current_store().sweep()
    print(asyncio.run(slow_writer.schedule({"parts": 20}))["file"].stat().st_size)
"""


def lines(journal: Path) -> list[str]:
    return journal.read_text().split() if journal.exists() else []


def test_after_kill_9_in_the_middle_of_an_array_only_the_rest_is_computed(
    run_script: RunScript, store: Store, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    first = run_script(ARRAY, journal, 0.5, 12)  # more elements than threads
    wait_until(lambda: len(list(store.root.glob("times_ten/*/record.json"))) >= 4, "some results")
    first.kill()
    done = {json.loads(path.read_text())["element"] for path in store.root.glob("times_ten/*/record.json")}
    journal.unlink()
    second = run_script(ARRAY, journal, 0.5, 12)
    assert second.end().strip().endswith(str([10 * i for i in range(12)]))
    assert 4 <= len(done) < 12
    assert sorted(map(int, lines(journal))) == sorted(set(range(12)) - done)


def test_after_kill_9_in_the_middle_of_a_write_nothing_of_it_is_left(
    run_script: RunScript, store: Store, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    first = run_script(WRITING, journal, 0.2)
    wait_until(lambda: lines(journal), "the first part")
    first.kill()
    assert not list(store.root.glob("slow_writer/*"))
    (half,) = store.root.glob(".partial/*/half")
    second = run_script(WRITING, journal, 0)
    assert second.end().strip().endswith("20000")
    assert not half.exists()
    assert not list(store.layout.partials.iterdir())
    assert not [path for path in (store.root / ".claims").rglob("*") if path.name == "owner.json"]


def test_two_runs_at_once_compute_everything_once(run_script: RunScript, store: Store, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    both = [run_script(ARRAY, journal, 0.1, 20) for _ in range(2)]
    expected = str([10 * i for i in range(20)])
    assert [run.end().strip().splitlines()[-1] for run in both] == [expected, expected]
    assert sorted(map(int, lines(journal))) == list(range(20))


def test_a_claim_of_a_killed_run_is_taken_over_by_one_that_waits(
    run_script: RunScript, store: Store, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    first = run_script(ARRAY, journal, 1000, 1)
    wait_until(lambda: lines(journal), "the first run to be in its step")
    second = run_script(ARRAY, journal, 1000, 1)
    time.sleep(5)  # it has come to its claim, or will come later: both have to end well
    assert second.process.poll() is None
    assert len(lines(journal)) == 1
    first.kill()
    wait_until(lambda: len(lines(journal)) == 2, "the second run to take over", 30)


def test_a_fresh_claim_of_another_host_is_waited_for_and_a_stale_one_taken_over(
    run_script: RunScript, store: Store, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    run_script(ARRAY, journal, 0, 1).end()
    (entry,) = store.root.glob("times_ten/*")
    journal.unlink()
    place = store.root / ".claims" / "times_ten" / entry.name / "0"
    place.mkdir(parents=True)
    (place / "owner.json").write_text('{"host": "elsewhere", "pid": 1, "started": "1"}')
    entry.rename(tmp_path / "away")
    talking = ARRAY.replace("import asyncio, sys", "import asyncio, logging, sys; logging.basicConfig(level=20)")
    run = run_script(talking, journal, 0, 1)
    wait_until(lambda: "waiting for process 1 on elsewhere" in run.output, "the run to say what it waits for")
    time.sleep(1)
    assert not lines(journal)
    os.utime(place, (time.time() - 100,) * 2)
    wait_until(lambda: run.process.poll() is not None, "the run to take over", 30)
    assert lines(journal) == ["0"]


def test_ctrl_c_leaves_no_claim(run_script: RunScript, store: Store, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    run = run_script(ARRAY, journal, 1, 1)
    wait_until(lambda: lines(journal), "the run to be in its step")
    run.process.send_signal(signal.SIGINT)
    run.end()
    assert not list((store.root / ".claims").rglob("owner.json"))
