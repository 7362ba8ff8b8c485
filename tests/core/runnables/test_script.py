from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orepass.errors import AppError, ConfigError
from orepass.runnables.script import Script
from orepass.step_folder import working_in

SHOW = """
import json, os, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
(folder / "argv.json").write_text(json.dumps(sys.argv[1:]))
(folder / "pid").write_text(str(os.getpid()))
(folder / "metrics.json").write_text(json.dumps({"metric": 0.5}))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "show it.py"
    file.write_text(SHOW)
    return file


def run(script: Script, folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    with working_in(folder):
        script.run()
    words: list[str] = json.loads((folder / "argv.json").read_text())
    return words


def test_a_script_has_its_own_process_arguments_and_folder(script: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    kwargs = {"lr": 0.1, "names": ["a b", "c"], "verbose": True, "quiet": False, "seed": None, "k": 3, "--x-y": "$z"}
    shown = Script(str(script), [1, "it's"], kwargs, "out")
    assert run(shown, folder) == [
        *("1", "it's", "--lr", "0.1", "--names", "a b", "c", "--verbose", "-k", "3", "--x-y", "$z"),
        *("--out", str(folder)),
    ]
    assert int((folder / "pid").read_text()) != os.getpid()
    assert shown.metric() == 0.5


def test_a_name_that_ends_in_an_equals_sign_is_one_word_with_its_value(script: Path, tmp_path: Path) -> None:
    kwargs = {"lr=": 1e-5, "model=": tmp_path, "+fast=": True, "clip=": None, "langs=": ["de", "中"], "--seed=": 3}
    assert Script(str(script), (), kwargs, "output_dir=").command(tmp_path)[2:] == [
        *("lr=1e-05", f"model={tmp_path}", "+fast=true", "clip=null", 'langs=["de", "中"]', "--seed=3"),
        f"output_dir={tmp_path}",
    ]


def test_the_metric_is_what_the_function_finds(script: Path, tmp_path: Path) -> None:
    shown = Script(str(script), output_dir_arg="out", metric_fn=lambda folder: len(list(folder.iterdir())))
    assert shown.metric() is None
    run(shown, tmp_path / "out")
    assert shown.metric() == 3.0


def test_a_module_can_be_a_script(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "tool.py").write_text(SHOW)
    shown = Script("package.tool", output_dir_arg="out", env={"PYTHONPATH": str(tmp_path)})
    assert run(shown, tmp_path / "out") == ["--out", str(tmp_path / "out")]


def test_a_script_without_a_metric_has_none(tmp_path: Path) -> None:
    (tmp_path / "nothing.py").write_text("")
    script = Script(str(tmp_path / "nothing.py"))
    with working_in(tmp_path):
        script.run()
    assert script.metric() is None


def test_a_script_that_fails_says_which(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("raise SystemExit(3)")
    with working_in(tmp_path), pytest.raises(AppError, match=r"fails\.py --lr 1` ended with exit code 3"):
        Script(str(tmp_path / "fails.py"), kwargs={"lr": 1}).run()


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no script 'trian\.py' \(looked for at .*/trian\.py\)"):
        Script("trian.py").command(tmp_path)
    with pytest.raises(ConfigError, match="args='--lr 1' is a text"):
        Script("train.py", "--lr 1")
