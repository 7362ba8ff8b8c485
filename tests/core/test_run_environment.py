from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from orepass import get_env, set_env
from orepass.errors import ConfigError
from orepass.run_environment import ENVIRONMENT_VARIABLE, Environment, taken_over, to_variables


@pytest.fixture(autouse=True)
def no_other_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said about a run before a test; what a test says is gone after it."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")
    monkeypatch.delenv("SLURM_JOB_NODELIST", raising=False)


def in_another_process(what: str) -> object:
    code = f"import json, orepass; print(json.dumps(orepass.get_env().{what}, default=str))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_what_is_known_of_any_run() -> None:
    env = get_env()
    assert env.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"orepass", "prefect"} <= set(env.versions)
    assert (env.extensions, env.resources, env.output) == ({}, {}, None)
    (host,) = env.hosts
    socket.inet_aton(host)


def test_a_changed_copy_changes_nothing_else(tmp_path: Path) -> None:
    assert get_env(output=tmp_path).output == tmp_path
    assert get_env(output=tmp_path, hosts=["10.0.0.1"]) == replace(get_env(), output=tmp_path, hosts=("10.0.0.1",))
    assert get_env().output is None


def test_what_is_set_is_set_for_processes_that_are_started(tmp_path: Path) -> None:
    set_env(extensions={"my_ext": "py-extensions==1.0"}, resources={"text": tmp_path})
    set_env(output=tmp_path / "out")
    assert get_env().extensions == {"my_ext": "py-extensions==1.0"}
    assert get_env().output == tmp_path / "out"
    assert in_another_process("resources") == {"text": str(tmp_path)}
    assert in_another_process("commit") == get_env().commit


def test_all_of_it_can_be_set(tmp_path: Path) -> None:
    env = Environment(hosts=("10.0.0.1", "10.0.0.2"), output=tmp_path, versions={"python": "3"}, commit="abc-dirty")
    set_env(env)
    assert get_env() == env
    set_env(env=env, commit="def")
    assert get_env() == replace(env, commit="def")


def test_it_can_be_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_env(output=tmp_path, hosts=["10.0.0.1"])
    variables, env = to_variables(), get_env()
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")
    assert get_env() != env
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert get_env() == env


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    set_env(resources={"text": "text", "same": "~/text"}, output="out")
    assert get_env().resources == {"text": tmp_path / "text", "same": tmp_path / "text"}
    assert get_env().output == tmp_path / "out"


def test_a_resource_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no file or folder .*missing, which is to be the resource 'text'"):
        set_env(resources={"text": tmp_path / "missing"})


@pytest.mark.parametrize("change", [get_env, set_env])
def test_other_names_are_refused(change: type) -> None:
    with pytest.raises(ConfigError, match=r"no 'resource'\. Did you mean 'resources'\?"):
        change(resource={})


@pytest.mark.parametrize(
    "wrong",
    [
        {"hosts": "10.0.0.1"},
        {"hosts": [1]},
        {"hosts": None},
        {"extensions": ["my_ext"]},
        {"extensions": {"my_ext": 1}},
        {"resources": "text"},
        {"resources": {"text": None}},
        {"resources": {1: "text"}},
        {"output": 1},
        {"commit": 1},
    ],
)
def test_other_types_are_refused(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"The environment's {name} cannot be .* Give "):
        get_env(**wrong)


def test_a_variable_that_somebody_else_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("nonsense", '{"nonsense": 1}'):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, text)
        with pytest.raises(ConfigError, match="OREPASS_ENVIRONMENT is not what set_env wrote"):
            get_env()


@pytest.mark.skipif(shutil.which("scontrol") is None, reason="there is no Slurm")
def test_in_a_job_the_hosts_are_its_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slurm.conf").write_text("ClusterName=tests\nSlurmctldHost=localhost\n")
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    monkeypatch.setenv("SLURM_JOB_NODELIST", "localhost,no-such-node-[1-2]")
    set_env(output="out")  # says nothing about hosts
    assert get_env().hosts == ("127.0.0.1", "no-such-node-1", "no-such-node-2")


def test_the_commit_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("outside", "clean", "changed"):
        (tmp_path / place).mkdir()
    monkeypatch.chdir(tmp_path / "outside")
    assert get_env().commit is None
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "someone")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "someone")
    for place in ("clean", "changed"):
        monkeypatch.chdir(tmp_path / place)
        Path("file").touch()
        for command in (["init", "--quiet"], ["add", "file"], ["commit", "--quiet", "--message", "Begin"]):
            subprocess.run(["git", *command], check=True)
    Path("file").write_text("changed")
    changed, clean = get_env().commit, None
    monkeypatch.chdir(tmp_path / "clean")
    clean = get_env().commit
    assert changed is not None and clean is not None
    assert changed.endswith("-dirty")
    assert len(clean) == 40


def test_steps_in_threads_have_each_their_own(tmp_path: Path) -> None:
    set_env(resources={"data": tmp_path})
    both, found = threading.Barrier(2, timeout=60), {}

    def step(name: str) -> None:
        with taken_over({}):
            set_env(output=tmp_path / name)
            both.wait()
            found[name] = get_env()
            both.wait()

    threads = [threading.Thread(target=step, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: env.output for name, env in found.items()} == {"a": tmp_path / "a", "b": tmp_path / "b"}
    assert all(env.resources == {"data": tmp_path} for env in found.values())
    assert get_env().output is None
