"""Apps on a real Slurm."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from cluster import Cluster
from processes_of_tests import wait_until

from orepass.errors import AppError
from orepass.runner import Runner, get_runner, parse_handle
from orepass.specs import AppDef, AppState, AppStatus, Resource, Role, macros

ALL = {"slurm.partition": "all"}
GPU = {"slurm.partition": "gpu"}
NASTY = ["", " ", "a  b", "'", '"', "$HOME", "`id`", "%j", "*", "\\", "\n", "\r\n", "#SBATCH --x", ":", "--", "ü€"]
SAYS_ALL = "import os, sys; print(ascii([sys.argv[1:], os.environ['SECRET'], os.environ['OF_SUBMITTER']]))"

# Replica 0 of the first role listens, on a port that it tells in a file; the others find its host by the macro.
GANG = """
import os, pathlib, socket, sys, time
port, replica, host = pathlib.Path(sys.argv[1]), sys.argv[2], os.environ[sys.argv[3]]
if replica == "0":
    with socket.create_server((host, 0)) as server:
        (port.parent / "new").write_text(str(server.getsockname()[1]))
        (port.parent / "new").rename(port)
        for _ in range(2):
            peer, _ = server.accept()
            with peer:
                print("met", peer.recv(10).decode(), flush=True)
else:
    while not port.exists():
        time.sleep(0.05)
    with socket.create_connection((host, int(port.read_text()))) as peer:
        peer.sendall(replica.encode())
"""


def shell(script: str, name: str = "main", **fields: object) -> Role:
    return Role(name, "", "/bin/sh", ["-c", script], **fields)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'it\'s "50%j" $x ü'


@pytest.fixture
def runner(slurm: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setenv("OREPASS_APPS", str(folder))
    monkeypatch.setenv("OREPASS_SCHEDULER", "slurm")
    return get_runner("tests")


def ended(runner: Runner, handle: str) -> AppStatus:
    status = runner.wait(handle, 0.2)
    assert status is not None
    return status


def wait_for(runner: Runner, handle: str, *states: AppState) -> AppStatus:
    def there() -> bool:
        status = runner.status(handle)
        return status is not None and status.state in states

    wait_until(there, f"{handle} to be {states}", 60)
    status = runner.status(handle)
    assert status is not None
    return status


def job_of(folder: Path, handle: str) -> str:
    return (folder / "slurm/tests" / parse_handle(handle).app_id / "job").read_text().strip()


def test_apps_run_and_end(runner: Runner, slurm: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_SUBMITTER", "one\ntwo")
    monkeypatch.setenv("SLURM_JOB_ID", "1")  # as if the submitter were in a job itself
    gang = [GANG, str(folder / "port"), macros.replica_id, macros.rank0_env]
    eats = "import time; eaten = bytearray(300 << 20); time.sleep(60)"
    echo = Role(name="echo", entrypoint="/bin/echo", image="/tmp", args=["hello world"], num_replicas=1)
    apps = {
        "echo": [echo],
        "says all": [Role("one", "", sys.executable, ["-c", SAYS_ALL, *NASTY], {"SECRET": "a'\n$b"})],
        "gang": [Role("gang", "", sys.executable, ["-c", *gang], num_replicas=3, metadata=ALL)],
        "two roles": [
            shell("echo lead on $SLURMD_NODENAME", "lead"),
            shell("echo $CUDA_VISIBLE_DEVICES", "worker", resource=Resource(1, 1, 100), metadata=GPU),
        ],
        "one fails": [
            shell("sleep 100", "good"),
            shell("sleep 1; echo oh; echo 'no way' >&2; exit 3", "bad", metadata=ALL),
        ],
        "memory": [Role("eats", "", sys.executable, ["-c", eats], resource=Resource(1, 0, 100))],
    }
    handles = {name: runner.run(AppDef(name, roles)) for name, roles in apps.items()}
    statuses = {name: ended(runner, handle) for name, handle in handles.items()}

    assert [status.state.name for status in statuses.values()] == ["SUCCEEDED"] * 4 + ["FAILED"] * 2
    (role,) = statuses["echo"].roles
    assert [(one.state, one.exit_code, one.hostname) for one in role.replicas] == [(AppState.SUCCEEDED, 0, "cpu1")]
    assert list(runner.log_lines(handles["echo"])) == ["hello world"]
    assert runner.describe(handles["echo"]) == AppDef("echo", [echo])
    assert list(runner.log_lines(handles["says all"])) == [ascii([NASTY, "a'\n$b", "one\ntwo"])]
    assert sorted(runner.log_lines(handles["gang"])) == ["met 1", "met 2"]
    assert sorted(one.hostname for one in statuses["gang"].roles[0].replicas) == ["cpu1", "cpu2", "gpu1"]
    assert next(iter(runner.log_lines(handles["two roles"], "lead"))).startswith("lead on cpu")
    assert list(runner.log_lines(handles["two roles"], "worker")) in (["0"], ["1"])

    bad = statuses["one fails"]
    with pytest.raises(AppError, match=r"replica 0 of bad ended with exit code 3 on (cpu|gpu)\d: no way\. Slurm's job"):
        bad.raise_for_status()
    states = [(one.state.name, one.exit_code) for role in bad.roles for one in role.replicas]
    assert states == [("CANCELLED", None), ("FAILED", 3)]
    assert list(runner.log_lines(handles["one fails"], "bad", streams="stderr")) == ["no way"]
    with pytest.raises(AppError, match=r"exceeded memory limit.*resource with more memMB"):
        statuses["memory"].raise_for_status()

    # By now every job has ended: the folders tell the rest, whatever becomes of Slurm's memory of them.
    slurm.submit("true", "--comment=orepass:tests/none")
    listed = [(one.name, one.state.name) for one in runner.list()]
    assert listed == [(name, status.state.name) for name, status in reversed(statuses.items())]
    slurm.kill_slurmctld()
    slurm.start_slurmctld(forget=True)
    for _ in range(3):
        slurm.submit("exit 5", "--hold")  # it counts from 1 again
    assert [(one.name, one.state.name) for one in runner.list()] == listed
    assert "ended with exit code 3" in ended(runner, handles["one fails"]).msg


def test_following_and_cancelling(runner: Runner, slurm: Cluster, folder: Path) -> None:
    mine = slurm.submit("sleep 100")
    script = "trap 'echo told to end; exit 0' TERM; echo begun; while :; do sleep 1; done"
    handle = runner.run(AppDef("x", [shell(script, num_replicas=2, max_retries=3)]), app_id="x-1")
    lines = runner.log_lines(handle, k=1, should_tail=True)
    assert next(lines) == "begun"
    status = runner.status(handle)
    assert status is not None and [one.state.name for one in status.roles[0].replicas] == ["RUNNING"] * 2
    runner.cancel(handle)
    assert "told to end" in list(lines)  # bash may tell of the end of its sleep, too
    status = ended(runner, handle)
    assert (status.state, status.num_restarts) == (AppState.CANCELLED, 0)
    assert [one.state.name for one in status.roles[0].replicas] == ["CANCELLED"] * 2
    runner.cancel(handle)  # nothing to do
    assert slurm.job_ids() == [mine]
    assert [one.app_id for one in runner.list()] == ["x-1"]
    assert runner.status("slurm://tests/none") is None


@pytest.mark.parametrize(("replicas", "name"), [(1, "%j"), (2, "back\\slash %j")])
def test_what_fails_is_requeued(slurm: Cluster, tmp_path: Path, replicas: int, name: str) -> None:
    folder = tmp_path / name
    runner = get_runner("tests", {"slurm": {"folder": folder}})
    fails_once = f"if [ $OREPASS_REPLICA = 0 ] && mkdir {tmp_path}/tried 2> /dev/null; then exit 3; fi"
    script = f"echo try $OREPASS_ATTEMPT; {fails_once}"
    handle = runner.run(AppDef("x", [shell(script, num_replicas=replicas, max_retries=1)]), "slurm")
    wait_until(lambda: (tmp_path / "tried").exists(), "the first try", 60)
    slurm.start_requeued(job_of(folder, handle))
    status = ended(runner, handle)
    assert (status.state, status.num_restarts) == (AppState.SUCCEEDED, 1)
    assert list(runner.log_lines(handle)) == ["try 0", "try 1"]


def test_what_is_preempted_is_requeued(runner: Runner, slurm: Cluster, folder: Path) -> None:
    role = shell("echo try $OREPASS_ATTEMPT; [ $OREPASS_ATTEMPT = 1 ] || sleep 100", max_retries=1)
    handle = runner.run(AppDef("x", [role]), cfg={"partition": "low", "directives": ["--nice=1"]})
    assert next(runner.log_lines(handle, should_tail=True)) == "try 0"
    slurm.submit("true", "--partition=high", "--exclusive")
    slurm.start_requeued(job_of(folder, handle))
    status = ended(runner, handle)
    assert (status.state, status.num_restarts) == (AppState.SUCCEEDED, 1)


def test_a_refusal_leaves_nothing(runner: Runner, slurm: Cluster) -> None:
    with pytest.raises(AppError, match=r"sbatch refuses the job of 'x-1': .*invalid partition specified: nope"):
        runner.run(AppDef("x", [shell("true")]), cfg={"partition": "nope"}, app_id="x-1")
    assert runner.list() == []


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An sbatch that comes first on the PATH, whose last lines a test writes; `$calls` is how often it was called."""
    real = subprocess.run(["which", "sbatch"], capture_output=True, text=True, check=True).stdout.strip()
    program = tmp_path / "bin/sbatch"
    program.parent.mkdir()
    calls = tmp_path / "calls"
    program.write_text(f"#!/bin/bash\nreal={real}\necho >> {calls}\ncalls=$(wc -l < {calls})\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    yield program


LOST = {
    "taken, no answer": '$real "$@" > /dev/null; kill -9 $$',
    "taken, then an error": '$real "$@" > /dev/null; echo "Socket timed out on send/recv operation" >&2; exit 1',
    "never arrived": '(( calls > 1 )) && exec $real "$@"; echo "Unable to contact slurm controller" >&2; exit 1',
    "taken when nobody looked any more": '(( calls > 1 )) && exec $real "$@"; '
    '(sleep 1; exec $real "$@" > /dev/null 2>&1) & echo "Socket timed out" >&2; exit 1',
}


def test_an_app_whose_answer_was_lost_runs_once(
    runner: Runner, slurm: Cluster, folder: Path, tmp_path: Path, sbatch: Path
) -> None:
    begin = sbatch.read_text()
    handles: list[str] = []
    for number, lines in enumerate(LOST.values()):
        (tmp_path / "calls").unlink(missing_ok=True)
        sbatch.write_text(f"{begin}{lines}\n")
        run = partial(runner.run, AppDef("x", [shell(f"echo ran >> {tmp_path}/ran-{number}")]), app_id=f"x-{number}")
        with ThreadPoolExecutor() as pool:
            handles += [future.result() for future in [pool.submit(run), pool.submit(run)]]
        handles.append(run())
    assert [ended(runner, handle).state.name for handle in handles] == ["SUCCEEDED"] * 3 * len(LOST)
    wait_until(lambda: not slurm.job_ids(), "all jobs to end", 30)
    assert [(tmp_path / f"ran-{number}").read_text() for number in range(len(LOST))] == ["ran\n"] * len(LOST)
    script = folder / "slurm/tests/x-0/job.sh"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (script, script.parent)] == [0o600, 0o700]


def test_an_app_that_was_cancelled_before_its_job_came_does_not_run(
    runner: Runner, slurm: Cluster, folder: Path, tmp_path: Path, sbatch: Path
) -> None:
    begin = sbatch.read_text()
    sbatch.write_text(f"{begin}kill -9 $PPID\n")
    submit = f"""
from orepass.runner import get_runner
from orepass.specs import AppDef, Role
get_runner("tests").run(AppDef("x", [Role("x", "", "/bin/touch", ["{tmp_path}/ran"])]), app_id="x-1")
"""
    assert subprocess.run([sys.executable, "-c", submit], cwd=tmp_path).returncode == -9
    status = runner.status("slurm://tests/x-1")
    assert status is not None and status.state is AppState.UNSUBMITTED
    runner.cancel("slurm://tests/x-1")
    sbatch.write_text(f'{begin}exec $real "$@"\n')
    late = slurm.run("sbatch", "--parsable", "job.sh", cwd=folder / "slurm/tests/x-1")
    slurm.wait_for(late, "FAILED")
    assert ended(runner, "slurm://tests/x-1").state is AppState.CANCELLED
    assert not (tmp_path / "ran").exists()
