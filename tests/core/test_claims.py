from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from orepass import claims
from orepass.claims import DEAD_AFTER_S, Claim, Owner, try_claim


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "claims" / "module" / "key"


def claimed_by(folder: Path, host: str, pid: int, started: str = "1", age: float = 0) -> None:
    """Pretend that another process has claimed it."""
    place = folder / "0"
    place.mkdir(parents=True)
    (place / "owner.json").write_text(json.dumps({"host": host, "pid": pid, "started": started}))
    then = place.stat().st_mtime - age
    os.utime(place, (then, then))


def claim(folder: Path) -> Claim:
    made = try_claim(folder)
    assert isinstance(made, Claim)
    return made


def test_one_has_it_and_the_others_learn_who(folder: Path) -> None:
    first = claim(folder)
    assert try_claim(folder) == Owner.this_process()
    first.release()
    assert not folder.exists()
    claim(folder).release()


def test_of_many_threads_one_gets_it(folder: Path) -> None:
    begin, made = threading.Barrier(16), []

    def run() -> None:
        begin.wait()
        made.append(try_claim(folder))

    threads = [threading.Thread(target=run) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, Claim) for one in made) == 1


def test_of_many_that_find_it_abandoned_one_takes_it_over(folder: Path) -> None:
    claimed_by(folder, "elsewhere", 1, age=DEAD_AFTER_S + 1)
    test_of_many_threads_one_gets_it(folder)


def test_a_dead_process_on_this_host_holds_nothing(folder: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    claimed_by(folder, Owner.this_process().host, dead.pid)
    claim(folder).release()


def test_another_process_with_the_number_of_a_dead_one_is_not_taken_for_it(folder: Path) -> None:
    claimed_by(folder, Owner.this_process().host, os.getppid(), started="long ago")
    claim(folder).release()


def test_a_zombie_holds_nothing(folder: Path) -> None:
    zombie = subprocess.Popen(["sleep", "100"])
    started = Path(f"/proc/{zombie.pid}/stat").read_text().rpartition(")")[2].split()[19]
    claimed_by(folder, Owner.this_process().host, zombie.pid, started)
    assert isinstance(try_claim(folder), Owner)
    zombie.kill()
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
    claim(folder).release()
    zombie.wait()


def test_the_heartbeat_decides_about_another_host(folder: Path) -> None:
    claimed_by(folder, "elsewhere", 1, age=DEAD_AFTER_S - 20)
    owner = try_claim(folder)
    assert isinstance(owner, Owner) and str(owner) == "process 1 on elsewhere"
    then = (folder / "0").stat().st_mtime - 40
    os.utime(folder / "0", (then, then))
    taken = claim(folder)
    assert taken.generation == 1
    assert try_claim(folder) == Owner.this_process()


def test_who_was_thought_dead_does_not_let_go_of_what_is_another_ones(folder: Path) -> None:
    slept = claim(folder)
    (folder / "0" / "owner.json").write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": "1"}))
    os.utime(folder / "0", (0, 0))
    taken = claim(folder)
    slept.release()
    assert try_claim(folder) == Owner.this_process()
    taken.release()
    assert isinstance(try_claim(folder), Claim)


def test_a_claim_without_a_name_is_waited_for_until_it_is_old(folder: Path) -> None:
    (folder / "0").mkdir(parents=True)
    assert isinstance(try_claim(folder), Owner)
    os.utime(folder / "0", (0, 0))
    assert isinstance(try_claim(folder), Claim)


def test_a_claim_is_kept_alive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(claims, "heart", claims._Heart())
    held = claim(folder)
    os.utime(folder / "0", (0, 0))
    waited = threading.Event()
    for _ in range(100):
        if (folder / "0").stat().st_mtime > 0:
            break
        waited.wait(0.05)
    assert (folder / "0").stat().st_mtime > 0
    held.release()


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        try_claim(tmp_path / "file" / "key")
