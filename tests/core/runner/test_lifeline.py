"""An app ends with the process that holds its lifeline, however that one ends."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import psutil
import pytest
from processes_of_tests import RunScript, wait_until

import orepass.specs as specs
from orepass.runner import Runner, get_runner
from orepass.runner.lifeline import lifeline
from orepass.specs import AppState

HANDLE = "local://orepass/held"
SLEEP = specs.AppDef("sleep", [specs.Role("main", "", "/bin/sleep", ["600"])])

HOLDING = """
import sys, time
import orepass.specs as specs
from orepass.runner import get_runner
from orepass.runner.lifeline import lifeline

options = {"folder": sys.argv[1], "grace_s": 0.5}
app = specs.AppDef("sleep", [specs.Role("main", "", "/bin/sleep", ["600"])])
with lifeline("local://orepass/held", options):
    print(get_runner(scheduler_options={"local": options}).run(app, app_id="held"), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "apps"


@pytest.fixture
def runner(folder: Path) -> Runner:
    return get_runner(scheduler_options={"local": {"folder": folder, "grace_s": 0.5}})


def is_going_on(runner: Runner) -> bool:
    status = runner.status(HANDLE)
    assert status is not None
    return not status.is_terminal()


def is_cancelled(runner: Runner) -> bool:
    status = runner.status(HANDLE)
    return status is not None and status.state is AppState.CANCELLED


def test_a_process_that_is_killed_with_all_of_its_group(run_script: RunScript, runner: Runner, folder: Path) -> None:
    run = run_script(HOLDING, folder)
    wait_until(lambda: HANDLE in run.output, "the app to be submitted")
    assert is_going_on(runner)
    os.killpg(run.process.pid, signal.SIGKILL)
    wait_until(lambda: is_cancelled(runner), "the app to be cancelled")


def test_an_error(runner: Runner, folder: Path) -> None:
    with pytest.raises(ValueError, match="as good as any"), lifeline(HANDLE, {"folder": folder}):
        runner.run(SLEEP, app_id="held")
        raise ValueError("as good as any")
    wait_until(lambda: is_cancelled(runner), "the app to be cancelled")


def test_a_job_of_slurm_whose_processes_are_all_told_to_end(runner: Runner, folder: Path) -> None:
    with lifeline(HANDLE, {"folder": folder}):
        runner.run(SLEEP, app_id="held")
        watcher = max(psutil.Process().children(), key=lambda one: one.create_time())
        assert HANDLE in watcher.cmdline()
        status = Path(f"/proc/{watcher.pid}/status")
        caught = re.compile(r"SigCgt:\s*(\w+)")
        wait_until(lambda: int(caught.findall(status.read_text())[0], 16) >> signal.SIGTERM - 1 & 1, "it to be ready")
        watcher.terminate()
        wait_until(lambda: is_cancelled(runner), "the app to be cancelled")


def test_what_ends_well_leaves_its_app_alone(runner: Runner, folder: Path) -> None:
    with lifeline(HANDLE, {"folder": folder}):
        runner.run(SLEEP, app_id="held")
    assert is_going_on(runner)
    runner.cancel(HANDLE)
    wait_until(lambda: is_cancelled(runner), "the app to be cancelled")
