from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes_of_tests import end_apps, is_alive, wait_until

import orepass.specs as specs
from orepass.blocks.schedulers.local_state import LocalState
from orepass.errors import AppError, ConfigError
from orepass.runner import Runner, get_runner
from orepass.specs import AppState


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "apps"


@pytest.fixture
def runner(folder: Path) -> Iterator[Runner]:
    runner = get_runner("tests", {"local": {"folder": folder, "grace_s": 2}})
    yield runner
    end_apps(runner)


def shell(script: str, name: str = "main", **fields: object) -> specs.Role:
    return specs.Role(name=name, image="", entrypoint="/bin/sh", args=["-c", script], **fields)  # type: ignore[arg-type]


def run(runner: Runner, *roles: specs.Role) -> tuple[str, specs.AppStatus]:
    handle = runner.run(specs.AppDef("app", list(roles)))
    status = runner.wait(handle, 0.02)
    assert status is not None
    return handle, status


def test_the_app_of_the_seed(runner: Runner) -> None:
    echo = specs.Role(name="echo", entrypoint="/bin/echo", image="/tmp", args=["hello world"], num_replicas=1)
    handle = runner.run(specs.AppDef(name="echo", roles=[echo]))
    status = runner.wait(handle, 0.02)
    assert status is not None
    status.raise_for_status()
    (role,) = status.roles
    (replica,) = role.replicas
    assert (status.state, replica.exit_code, replica.hostname) == (AppState.SUCCEEDED, 0, socket.gethostname())
    assert list(runner.log_lines(handle)) == ["hello world"]
    assert [(listed.name, listed.state) for listed in runner.list("local")] == [("echo", AppState.SUCCEEDED)]
    assert runner.describe(handle) == specs.AppDef("echo", [echo])


def test_each_replica_has_its_own_macros_environment_and_folder(runner: Runner, tmp_path: Path) -> None:
    words = [
        "-c",
        'echo "$0 $1 $2 $OREPASS_ROLE $OREPASS_NUM_REPLICAS $WHICH $PWD"',
        "${replica_id}",
        "${app_id}",
        "$x",
    ]
    role = specs.Role("worker", str(tmp_path), "sh", words, {"WHICH": "no ${replica_id}"}, num_replicas=2)
    handle, status = run(runner, role, shell("echo ${rank0_env}=$OREPASS_RANK0_HOST", "other"))
    status.raise_for_status()
    app_id = handle.rpartition("/")[2]
    for k in (0, 1):
        assert list(runner.log_lines(handle, "worker", k)) == [f"{k} {app_id} $x worker 2 no {k} {tmp_path}"]
    assert list(runner.log_lines(handle, "other")) == ["OREPASS_RANK0_HOST=127.0.0.1"]


def test_streams_are_kept_apart_and_together(runner: Runner) -> None:
    handle, _ = run(runner, shell("echo out; echo err >&2; printf 'no end'"))
    assert list(runner.log_lines(handle, streams="stdout")) == ["out", "no end"]
    assert list(runner.log_lines(handle, streams="stderr")) == ["err"]
    assert sorted(runner.log_lines(handle)) == ["err", "no end", "out"]
    assert list(runner.log_lines(handle, regex="^o")) == ["out"]


def test_logs_are_followed_to_the_end_of_the_app(runner: Runner, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    handle = runner.run(
        specs.AppDef("app", [shell(f"echo one; until [ -e '{go_on}' ]; do sleep 0.05; done; echo two")])
    )
    lines = runner.log_lines(handle, should_tail=True)
    assert next(lines) == "one"
    go_on.touch()
    assert list(lines) == ["two"]


def test_a_replica_that_fails_ends_the_app_and_its_siblings(runner: Runner) -> None:
    _, status = run(runner, shell("sleep 60", "server"), shell("echo wrong >&2; exit 3", "client"))
    server, client = (role.replicas[0] for role in status.roles)
    assert (status.state, server.state, client.state) == (AppState.FAILED, AppState.CANCELLED, AppState.FAILED)
    assert client.exit_code == 3
    with pytest.raises(AppError, match=rf"replica 0 of client ended with exit code 3 on {socket.gethostname()}: wrong"):
        status.raise_for_status()


@pytest.mark.parametrize(("policy", "starts_of_sibling"), [("APPLICATION", 2), ("REPLICA", 1)])
def test_what_fails_is_started_again(runner: Runner, tmp_path: Path, policy: str, starts_of_sibling: int) -> None:
    once = f"[ $OREPASS_ATTEMPT = 1 ] || {{ until [ -e '{tmp_path}/0' ]; do sleep 0.02; done; exit 1; }}"
    sibling = f"touch '{tmp_path}'/$OREPASS_ATTEMPT; exec sleep 0.5"
    again = {"max_retries": 1, "retry_policy": specs.RetryPolicy(policy)}
    _, status = run(runner, shell(once, "failing", **again), shell(sibling, "sibling"))
    assert (status.state, status.num_restarts) == (AppState.SUCCEEDED, 1)
    assert len(list(tmp_path.glob("[0-9]"))) == starts_of_sibling


def test_what_goes_on_failing_fails(runner: Runner) -> None:
    _, status = run(runner, shell("exit 1", max_retries=2))
    assert (status.state, status.num_restarts) == (AppState.FAILED, 2)


def test_an_app_is_cancelled_with_all_that_it_started(runner: Runner, tmp_path: Path) -> None:
    child = tmp_path / "child"
    handle = runner.run(specs.AppDef("app", [shell(f"trap '' TERM; sleep 60 & echo $! > '{child}'; wait; wait")]))
    wait_until(lambda: child.exists() and child.read_text().endswith("\n"), "the child", 30)
    runner.cancel(handle)
    status = runner.wait(handle, 0.02)
    assert status is not None and status.state is AppState.CANCELLED
    assert not is_alive(int(child.read_text()))
    runner.cancel(handle)  # nothing is left to do


def test_an_app_outlives_who_submitted_it(runner: Runner, folder: Path) -> None:
    go_on = folder.parent / "go on"
    script = f"""
import orepass.specs as specs
from orepass.runner import get_runner
role = specs.Role("main", "", "/bin/sh", ["-c", "until [ -e '{go_on}' ]; do sleep 0.05; done"])
print(get_runner("tests", {{"local": {{"folder": {str(folder)!r}}}}}).run(specs.AppDef("app", [role])))
"""
    submitted = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd="/")
    handle = submitted.stdout.strip()
    status = runner.status(handle)
    assert status is not None and status.state is AppState.RUNNING
    go_on.touch()
    assert (status := runner.wait(handle, 0.02)) is not None and status.state is AppState.SUCCEEDED


def test_an_app_ends_with_its_supervisor(runner: Runner, folder: Path) -> None:
    handle = runner.run(specs.AppDef("app", [shell("exec sleep 60")]))
    state = LocalState.load(folder / "local" / handle.partition("://")[2])
    assert state is not None and state.replicas[0].process is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(state.supervisor.pid), "the supervisor to end", 10)
    status = runner.status(handle)
    assert status is not None and status.state is AppState.FAILED and "supervisor" in status.msg
    pid = state.replicas[0].process.pid
    wait_until(lambda: not is_alive(pid), "the replica to end", 10)


def test_an_app_that_is_submitted_again_is_not_started_again(runner: Runner, tmp_path: Path) -> None:
    app = specs.AppDef("app", [shell(f"echo x >> '{tmp_path}/starts'; sleep 0.3")])
    handle = runner.run(app, app_id="the-one")
    assert runner.run(app, app_id="the-one") == handle  # while it runs
    runner.wait(handle, 0.02)
    assert runner.run(app, app_id="the-one") == handle  # after its end
    time.sleep(0.2)
    assert (tmp_path / "starts").read_text() == "x\n"


def test_an_app_whose_submission_was_interrupted_is_started_by_the_next(runner: Runner, folder: Path) -> None:
    app = specs.AppDef("app", [shell("echo here")])
    handle = runner.run(app, app_id="the-one")
    runner.wait(handle, 0.02)
    for file in ("state.json", "plan.json"):  # as they are when who submits is killed at once
        (folder / "local" / "tests" / "the-one" / file).unlink()
    status = runner.status(handle)
    assert status is not None and status.state is AppState.SUBMITTED
    runner.run(app, app_id="the-one")
    assert (status := runner.wait(handle, 0.02)) is not None and status.state is AppState.SUCCEEDED


def test_an_app_whose_submission_was_interrupted_can_be_cancelled(runner: Runner, folder: Path) -> None:
    app = specs.AppDef("app", [shell("echo here")])
    handle = runner.run(app, app_id="the-one")
    runner.wait(handle, 0.02)
    (folder / "local" / "tests" / "the-one" / "state.json").unlink()
    runner.cancel(handle)
    runner.run(app, app_id="the-one")
    status = runner.status(handle)
    assert status is not None and status.state is AppState.CANCELLED
    assert list(runner.log_lines(handle)) == ["here"]  # of the first time only


def test_another_app_of_the_same_id_is_refused(runner: Runner) -> None:
    handle = runner.run(specs.AppDef("app", [shell("echo one")]), app_id="the-one")
    with pytest.raises(ConfigError, match=r"another app local://tests/the-one already.*Choose another app_id"):
        runner.run(specs.AppDef("app", [shell("echo two")]), app_id="the-one")
    runner.wait(handle, 0.02)
    assert list(runner.log_lines(handle)) == ["one"]


def test_an_app_that_cannot_be_read_says_where_it_is(runner: Runner, folder: Path) -> None:
    handle, _ = run(runner, shell("true"))
    kept = folder / "local" / handle.partition("://")[2] / "app.json"
    kept.write_text('{"name": "app", "colour": "red"}')
    with pytest.raises(AppError, match=rf"{kept} cannot be read: .*'colour'.*Remove its folder"):
        runner.list("local")
    kept.unlink()


def test_a_long_line_stays_whole(runner: Runner) -> None:
    handle, _ = run(runner, shell("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end"))
    long, end = runner.log_lines(handle)
    assert (len(long), end) == (20_000_000, "end")


def test_a_runner_remembers_what_it_submitted_with(tmp_path: Path) -> None:
    runner = get_runner()
    handle = runner.run(specs.AppDef("app", [shell("echo here")]), "local", {"folder": tmp_path / "elsewhere"})
    assert (status := runner.wait(handle, 0.02)) is not None and status.state is AppState.SUCCEEDED
    assert get_runner().status(handle) is None


def test_a_dry_run_shows_the_commands_and_leaves_no_trace(runner: Runner, folder: Path) -> None:
    shown = str(runner.dryrun(specs.AppDef("app", [shell("echo 'a b'", env={"NAME": "x y"})])))
    assert "NAME='x y'" in shown and "/bin/sh -c" in shown
    assert not folder.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"entrypoint": "/no/such/program"}, r"entrypoint '/no/such/program', which is not there.*Install it"),
        ({"entrypoint": "no-such-program"}, "and on the PATH"),
        ({"image": "ubuntu:22.04"}, "'ubuntu:22.04', which is no folder.*docker or kubernetes"),
        ({"mounts": [specs.BindMount("/tmp", "/data")]}, "mounts nothing"),
        ({"max_retries": 1, "retry_policy": specs.RetryPolicy.HOT_SPARE}, "wants hot spares"),
        ({"name": "a/b"}, "cannot be called so"),
    ],
)
def test_what_cannot_run_here_is_told_before_anything_is_submitted(
    runner: Runner, folder: Path, fields: dict[str, object], said: str
) -> None:
    role = specs.Role(**{"name": "main", "image": "", "entrypoint": "/bin/echo", **fields})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=said):
        runner.run(specs.AppDef("app", [role]))
    assert not folder.exists()


def test_gpus_are_dealt_out(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    role = shell("echo $CUDA_VISIBLE_DEVICES", resource=specs.Resource(1, 1, 100), num_replicas=2)
    handle, _ = run(runner, role)
    assert [list(runner.log_lines(handle, k=k)) for k in (0, 1)] == [["4"], ["5"]]
