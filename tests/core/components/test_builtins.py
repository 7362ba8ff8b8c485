from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import orepass.specs as specs
from orepass.components import build_app, find_component
from orepass.components.booth import main as booth
from orepass.errors import ConfigError

HOSTILE = ["a b", "", "$(touch no)", "`touch no`", "$HOME", "it's", '"quoted"', "; touch no", "*", "\\n", "-x", "ä\n2"]
SHOW = "import json, sys; print(json.dumps(sys.argv[1:]))"


def app_of(name: str, *words: str) -> specs.AppDef:
    app = build_app(find_component(name), words)
    specs.check_app(app)
    return app


def output(app: specs.AppDef, folder: Path, **environment: str) -> str:
    """What the app's only role prints, started as a scheduler does: with its macros filled in, and without a shell."""
    (role,) = app.roles
    filled = specs.macros.Values(img_root=str(folder), app_id="app-1", replica_id="0", rank0_env="RANK0").apply(role)
    ended = subprocess.run(
        [filled.entrypoint, *filled.args],
        cwd=folder,
        env={**os.environ, **filled.env, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert not (folder / "no").exists()
    return ended.stdout


def test_echo_prints(tmp_path: Path) -> None:
    assert output(app_of("utils.echo"), tmp_path) == "hello world\n"
    app = app_of("utils.echo", "--msg", "$HOME", "--num_replicas", "3")
    assert app.roles[0].num_replicas == 3
    assert output(app, tmp_path) == "$HOME\n"


def test_sh_runs_a_script_or_a_command_with_its_arguments_as_they_are(tmp_path: Path) -> None:
    assert output(app_of("sh", "--env", "A=1", "--", "echo $A $((1 + 2)) | tr 1 2"), tmp_path) == "2 3\n"
    shown = output(app_of("sh", "--", sys.executable, "-c", SHOW, *HOSTILE), tmp_path)
    assert json.loads(shown) == HOSTILE
    with pytest.raises(ConfigError, match="no command"):
        app_of("sh")


def test_python_and_binary_hand_their_arguments_on(tmp_path: Path) -> None:
    (tmp_path / "show.py").write_text(SHOW)
    for words in (["--script", "show.py"], ["--m", "show"], ["-c", SHOW]):
        assert json.loads(output(app_of("python", *words, "--", *HOSTILE), tmp_path)) == HOSTILE
    shown = output(app_of("binary", "--entrypoint", sys.executable, "--", "show.py", *HOSTILE), tmp_path)
    assert json.loads(shown) == HOSTILE
    assert app_of("python", "-m", "x", "--image", "docker.io/library/python:3.12").roles[0].entrypoint == "python"
    for words in ([], ["-m", "a", "-c", "b"]):
        with pytest.raises(ConfigError, match="exactly one of --m MODULE, --c COMMAND and --script FILE"):
            app_of("python", *words)


def test_touch_and_copy_work_with_any_path_or_url(tmp_path: Path) -> None:
    output(app_of("touch", "--file=-new file"), tmp_path)
    assert (tmp_path / "-new file").read_text() == ""
    (tmp_path / "-new file").write_text("text")
    output(app_of("copy", "--src=-new file", f"--dst=file://{tmp_path}/other/place"), tmp_path)
    assert (tmp_path / "other/place").read_text() == "text"


def test_booth_prints_its_value_and_writes_it_where_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output(app_of("booth", "--x1", "1", "--x2", "3"), tmp_path) == "booth_eval=0.0\n"
    app = app_of(
        "booth", "--x1", "-1e-1", "--x2", "0", "--trial_idx", "4", "--tracker_base", f"file://{tmp_path}/trials/"
    )
    assert app.roles[0].args[:2] == ["-m", "orepass.components.booth"]
    booth(app.roles[0].args[2:])
    value = (-0.1 - 7) ** 2 + (-0.2 - 5) ** 2
    assert capsys.readouterr().out == f"booth_eval={value}\n"
    assert json.loads((tmp_path / "trials/4.json").read_text()) == {"x1": -0.1, "x2": 0, "booth_eval": value}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with a torchrun that shows what it was given."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/torchrun").write_text(f"#!{sys.executable}\n{SHOW}")
    (tmp_path / "bin/torchrun").chmod(0o755)
    return f"{tmp_path}/bin:{os.environ['PATH']}"


def test_ddp_starts_torchrun_on_every_node(tmp_path: Path, path: str) -> None:
    app = app_of(
        "dist.ddp", "-j", "2x4", "--script", "my train.py", "--rdzv_port", "29501", "-h", "gpu_4", "--", *HOSTILE
    )
    (role,) = app.roles
    assert (app.name, role.name, role.num_replicas, role.port_map) == ("my-train", "my-train", 2, {"c10d": 29501})
    assert role.resource == specs.named_resource("gpu_4")
    shown = json.loads(output(app, tmp_path, PATH=path, RANK0="node-7"))
    assert shown == [
        "--rdzv_endpoint", "node-7:29501", "--rdzv_backend=c10d", "--rdzv_id=app-1", "--nnodes=2", "--nproc_per_node=4",
        "my train.py", *HOSTILE,
    ]  # fmt: skip


def test_ddp_on_one_node_takes_any_free_port(tmp_path: Path, path: str) -> None:
    app = app_of("dist.ddp", "-j", "3", "-m", "package.train", "--name", "mine")
    assert (app.name, app.roles[0].name, app.roles[0].num_replicas) == ("mine", "train", 1)
    assert json.loads(output(app, tmp_path, PATH=path)) == [
        "--rdzv_endpoint", "localhost:0", "--rdzv_backend=c10d", "--rdzv_id=app-1", "--nnodes=1", "--nproc_per_node=3",
        "-m", "package.train",
    ]  # fmt: skip


@pytest.mark.parametrize("j", ["0x2", "2x0", "x", "2x", "1:2x4", "2,4", "-1"])
def test_ddp_refuses_what_is_no_number_of_nodes_and_processes(j: str) -> None:
    with pytest.raises(ConfigError, match=rf"dist.ddp: j='{j}'. Write nodes x processes"):
        app_of("ddp", f"-j={j}", "-m", "x")


def test_mounts_and_environment_reach_the_role() -> None:
    (role,) = app_of("sh", "--mounts", "type=bind,src=/a,dst=/b,readonly", "--max_retries=2", "--", "true").roles
    assert role.mounts == [specs.BindMount("/a", "/b", read_only=True)]
    assert role.max_retries == 2
    with pytest.raises(ConfigError, match="exactly one of --script FILE and --m MODULE"):
        app_of("ddp")


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, orepass.components.booth, orepass.components.dist; "
        "print({'prefect', 'numpy', 'torch', 'griffe'} & {*sys.modules})"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert shown.stdout == "set()\n"
