from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_of_tests import orepass
from processes_of_tests import wait_until

from orepass.runner import get_runner
from orepass.specs import AppState


@pytest.fixture(autouse=True)
def folder(apps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return apps


def test_run_shows_each_stream_and_ends_with_the_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    assert orepass("app", "run", "utils.echo", "--msg", "hello world") == 0
    assert capfd.readouterr().out == "hello world\n"
    assert orepass("app", "run", "utils.sh", "--", "sh", "-c", "echo out; echo err >&2; exit 3") == 3
    shown = capfd.readouterr()
    assert shown.out == "out\n"
    assert "err\n" in shown.err and "FAILED: replica 0 of sh ended with exit code 3" in shown.err
    assert orepass("app", "run", "utils.sh", "--", "sh", "-c", "kill -9 0") == 128 + 9


def test_options_of_the_scheduler(tmp_path: Path, folder: Path) -> None:
    assert orepass("app", "run", "--option", f"folder={tmp_path}/other", "--app-id", "one", "utils.echo") == 0
    assert (tmp_path / "other/local/orepass/one").is_dir() and not folder.exists()


def test_several_replicas_are_told_apart(capfd: pytest.CaptureFixture[str]) -> None:
    assert orepass("app", "run", "utils.echo", "--msg", "${replica_id}", "--num_replicas", "2") == 0
    assert sorted(capfd.readouterr().out.splitlines()) == ["echo/0 0", "echo/1 1"]


def test_an_app_spec_of_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app_spec.py").write_text(
        "import orepass.specs as specs\n"
        "app = specs.AppDef(name='echo', roles=[specs.Role(name='echo', entrypoint='/bin/echo', image='/tmp', "
        "args=['hello world'])])\n"
    )
    assert orepass("app", "run", "app_spec.py") == 0
    assert capfd.readouterr().out == "hello world\n"


def test_an_app_is_found_again_by_its_handle(capfd: pytest.CaptureFixture[str]) -> None:
    assert orepass("app", "run", "--detach", "--app-id", "one", "utils.sh", "--", "sh", "-c", "echo a; echo b") == 0
    handle = capfd.readouterr().out.strip()
    assert handle == "local://orepass/one"
    get_runner().wait(handle, 0.02)
    assert orepass("app", "status", handle, "--json") == 0
    status = json.loads(capfd.readouterr().out)
    assert (status["state"], status["replicas"][0]["replica"]) == ("SUCCEEDED", "sh/0")
    assert orepass("app", "status", handle) == 0
    assert capfd.readouterr().out.startswith("SUCCEEDED\n")
    assert orepass("app", "log", handle, "--regex", "b", "--follow") == 0
    assert capfd.readouterr().out == "b\n"
    assert orepass("app", "describe", handle) == 0
    assert "entrypoint: sh" in capfd.readouterr().out
    assert orepass("app", "cancel", handle) == 0
    assert orepass("app", "list", "--json") == 0
    listed = json.loads(capfd.readouterr().out)
    assert [(app["handle"], app["state"], app["app"]) for app in listed["apps"]] == [(handle, "SUCCEEDED", "sh")]
    assert {"utils.echo", "utils.sh", "utils.python", "utils.binary", "utils.copy", "utils.touch", "utils.booth"} < {
        component["component"] for component in listed["components"]
    }


def test_prune_forgets_old_apps_that_have_ended(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    orepass("app", "run", "--app-id", "ended", "utils.echo")
    orepass("app", "run", "--app-id", "runs", "--detach", "utils.sh", "--", "sleep", "60")
    assert orepass("app", "prune", "--older-than", "1d", "--yes") == 0
    assert "Nothing to be removed" in capfd.readouterr().err
    assert orepass("app", "prune", "--older-than", "0h") == 0
    shown = capfd.readouterr()
    assert "local://orepass/ended" in shown.out and "Nothing was removed" in shown.err
    assert orepass("app", "prune", "--older-than", "0h", "--yes") == 0
    shown = capfd.readouterr()
    assert "local://orepass/runs" not in shown.out and "Removed: 1 apps" in shown.err
    assert [path.name for path in folder.glob("local/orepass/*")] == ["runs"]
    orepass("app", "cancel", "local://orepass/runs")


def test_a_dry_run_and_help_submit_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert orepass("app", "run", "--dry-run", "utils.echo", "--msg", "it's") == 0
    assert "echo" in capfd.readouterr().out
    assert orepass("app", "run", "dist.ddp", "--help") == 0
    assert "--script" in capfd.readouterr().out
    assert not folder.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "utils.ecko"], 2, "Did you mean 'utils.echo'?"),
        (["run", "utils.echo", "--mgs", "x"], 2, "msg"),
        (["run", "--scheduler", "locale", "utils.echo", "--msg", "x"], 2, "Did you mean 'local'?"),
        (["run", "--option", "foldr=x", "utils.echo", "--msg", "x"], 2, "Did you mean 'folder'?"),
        (["run", "--option", "folder", "utils.echo", "--msg", "x"], 2, "NAME=VALUE"),
        (["run", "--app-id", "a/b", "utils.echo", "--msg", "x"], 2, "app_id='a/b' cannot be used"),
        (["run", "--app-id", "a" * 129, "utils.echo", "--msg", "x"], 2, "at most 128 letters"),
        (["run", "--option", "folder=/proc/none", "utils.echo"], 1, "/proc/none/local/orepass/echo-"),
        (["run", "nowhere.py"], 2, "nowhere.py"),
        (["status", "echo-1"], 2, "no handle of an app"),
        (["status", "local://orepass/no-such"], 1, "There is no app local://orepass/no-such"),
        (["log", "local://orepass/no-such"], 1, "There is no app"),
        (["cancel", "local://orepass/no-such"], 1, "There is no app"),
    ],
)
def test_what_is_wrong_is_told(
    words: list[str], code: int, said: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert orepass("app", *words) == code
    assert said in capfd.readouterr().err
    assert not folder.exists()


def test_ctrl_c_cancels_the_app(folder: Path) -> None:
    words = ["run", "--app-id", "one", "utils.sh", "--", "sh", "-c", "echo begun; exec sleep 60"]
    command = [str(Path(sys.executable).with_name("orepass")), "app", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stdout.readline() == "begun\n"
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130 and said.endswith("Cancelling local://orepass/one.\n")
    status = get_runner().status("local://orepass/one")
    assert status is not None and status.state is AppState.CANCELLED


def test_a_command_that_nobody_reads_any_more_ends(folder: Path) -> None:
    words = ["run", "--app-id", "one", "utils.sh", "--", "while echo again; do sleep 0.1; done"]
    command = [str(Path(sys.executable).with_name("orepass")), "app", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stdout.readline() == "again\n"
        run.stdout.close()
        _, said = run.communicate(timeout=60)
    assert run.returncode == 141 and "it goes on: orepass app status local://orepass/one" in said
    status = get_runner().status("local://orepass/one")
    assert status is not None and status.state is AppState.RUNNING
    get_runner().cancel("local://orepass/one")


def test_an_app_outlives_a_command_that_is_killed(folder: Path, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    script = f"echo begun; until [ -e '{go_on}' ]; do sleep 0.05; done"
    command = [str(Path(sys.executable).with_name("orepass")), "app", "run", "--app-id", "one", "utils.sh", "--", "sh"]
    with subprocess.Popen([*command, "-c", script], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stdout.readline() == "begun\n"
        os.kill(run.pid, signal.SIGKILL)
    status = get_runner().status("local://orepass/one")
    assert status is not None and status.state is AppState.RUNNING
    go_on.touch()
    wait_until(lambda: get_runner().status("local://orepass/one").state is AppState.SUCCEEDED, "the app", 30)  # type: ignore[union-attr]
