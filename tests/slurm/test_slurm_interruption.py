"""Flows on Slurm whose own process, or whose Prefect server, is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cluster import Cluster
from processes_of_tests import Run, RunScript, wait_until
from slurm_steps import Faults, begun

from orepass import Store

FLOW = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from omegaconf import OmegaConf
from prefect import flow
from orepass.flows._main import run_flow
from slurm_steps import Faults, waits

@flow
async def interrupted(config: Faults) -> list[int]:
    return await waits.schedule(config, over=range(6))

if __name__ == "__main__":
    server, journal, seconds, gate = sys.argv[1:]
    launcher = {{"name": "slurm", "host": "127.0.0.1", "directives": ["--exclusive"]}}
    options = {{"journal": journal, "seconds": float(seconds), "gate": gate or None}}
    print("result:", run_flow(interrupted, OmegaConf.create({{"launcher": launcher, "server": server, **options}})))
"""
RESULT = "result: [0, 10, 20, 30, 40, 50]"


def stored(store: Store) -> set[int]:
    return {json.loads(path.read_text())["element"] for path in store.root.glob("waits/*/record.json")}


def test_after_kill_9_and_after_ctrl_c_the_flow_goes_on_and_no_job_lingers(
    slurm: Cluster, server: str, run_script: RunScript, store: Store, tmp_path: Path
) -> None:
    config = Faults(str(tmp_path / "journal"))
    arguments = (server, config.journal, 3, "")

    first = run_script(FLOW, *arguments)
    wait_until(lambda: len(stored(store)) >= 2, "some results of the first run")
    first.kill()
    done, left = stored(store), set(slurm.job_ids("orepass"))
    assert set(slurm.squeue("%T", "--name=orepass")) == {"RUNNING", "PENDING"}

    second = run_script(FLOW, *arguments)
    wait_until(lambda: len(stored(store) - done) >= 1, "some results of the second run")
    cancelled = re.search(r"Cancelling Slurm jobs that a killed run has left: ([\d ]+)", second.output)
    assert cancelled and set(cancelled[1].split()) <= left
    assert not left & set(slurm.job_ids())
    second.process.send_signal(signal.SIGINT)
    output = second.end()
    assert second.process.returncode == 130, output
    assert "Interrupted. What is finished is stored; the same command goes on from there." in output
    wait_until(lambda: not slurm.job_ids(), "the jobs to be cancelled", 15)
    done_later = stored(store) - done
    assert 1 <= len(done_later) <= 4

    begun_before = len(begun(config))
    third = run_script(FLOW, *arguments)
    assert RESULT in third.end()
    wait_until(lambda: not slurm.job_ids() and not slurm.processes(), "the jobs to be cancelled", 30)
    # What was stored is not begun again; what was begun when a run was killed, is.
    elements = [element for element, _ in begun(config)]
    assert {elements.count(element) for element in done} == {1}
    assert not (done | done_later) & set(elements[begun_before:])


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[[int], Run]]:
    """Start a Prefect server, always with the same database; killed at the end."""
    with ExitStack() as ends:

        def start(port: int) -> Run:
            command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
            environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "home")}
            run = Run(command, tmp_path / "server.log", env=environment, start_new_session=True)
            ends.callback(run.kill)
            health = f"http://127.0.0.1:{port}/api/health"
            wait_until(lambda: answers(health), "the Prefect server to answer", 120)
            return run

        yield start


def states(port: int, what: str) -> list[str]:
    """The states of all flow runs or task runs that a server knows of."""
    url = f"http://127.0.0.1:{port}/api/{what}/filter"
    ask = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"})
    with urllib.request.urlopen(ask, timeout=10) as answer:
        return [run["state_name"] for run in json.load(answer)]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def test_a_prefect_server_that_is_killed_and_started_again(
    slurm: Cluster, start_server: Callable[[int], Run], run_script: RunScript, store: Store, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = Faults(str(tmp_path / "journal"))
    server = start_server(port)
    gate = tmp_path / "gate"
    run = run_script(FLOW, f"http://127.0.0.1:{port}/api", config.journal, 0.5, gate)
    wait_until(lambda: len(begun(config)) == 2, "steps to begin")
    server.kill()
    start_server(port)
    gate.touch()
    assert RESULT in run.end()
    for what in ("flow_runs", "task_runs"):
        wait_until(lambda what=what: set(states(port, what)) == {"Completed"}, f"all {what} to be Completed", 30)
