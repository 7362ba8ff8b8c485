"""GPUs of a machine, taken by lock."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest
from processes_of_tests import Run, wait_until

from orepass.blocks.launchers.pool.gpu_locks import gpus_taken
from orepass.errors import ConfigError


class GaveUp(Exception):
    pass


def give_up() -> None:
    raise GaveUp


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OREPASS_GPU_LOCKS", str(tmp_path / "locks"))
    return tmp_path / "locks"


def test_no_two_get_the_same() -> None:
    gpus = ["0", "MIG-GPU-5/1", "2"]
    with gpus_taken(1, gpus) as first, gpus_taken(2, gpus) as second:
        assert (first, second) == (("0",), ("MIG-GPU-5/1", "2"))
        with pytest.raises(GaveUp), gpus_taken(1, gpus, give_up):
            pass
    with gpus_taken(3, gpus) as all_of_them:
        assert all_of_them == tuple(gpus)


def test_one_that_needs_several_is_not_overtaken() -> None:
    order = []

    def take(count: int, name: str) -> None:
        with gpus_taken(count, ["0", "1"]):
            order.append(name)

    with gpus_taken(1, ["0", "1"]):
        both = threading.Thread(target=take, args=(2, "both"))
        both.start()
        time.sleep(1.0)
        single = threading.Thread(target=take, args=(1, "single"))
        single.start()
        time.sleep(1.0)
        assert order == []
    both.join(20)
    single.join(20)
    assert order == ["both", "single"]


HOLDER = """
import sys, time
from orepass.blocks.launchers.pool.gpu_locks import gpus_taken
with gpus_taken(1, ["0"]) as taken:
    print("holds", *taken, flush=True)
    time.sleep(1000)
"""


def test_what_a_killed_process_held_is_free(tmp_path: Path) -> None:
    run = Run([sys.executable, "-c", HOLDER], tmp_path / "log")
    try:
        wait_until(lambda: "holds 0" in run.output, "the lock to be held")
        with pytest.raises(GaveUp), gpus_taken(1, ["0"], give_up):
            pass
    finally:
        run.kill()
    with gpus_taken(1, ["0"], give_up) as taken:
        assert taken == ("0",)


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OREPASS_GPU_LOCKS", str(tmp_path / "file" / "locks"))
    with pytest.raises(ConfigError, match="locks of this machine's GPUs cannot be made"), gpus_taken(1, ["0"]):
        pass


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OREPASS_GPU_LOCKS")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"orepass-gpus-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="belongs to somebody else"), gpus_taken(1, ["0"]):
        pass
