from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_of_tests import orepass

from orepass import Store

TRAIN = """
import argparse, json, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--out-dir", type=pathlib.Path)
given = parser.parse_args()
(given.out_dir / "metrics.json").write_text(json.dumps({"metric": given.lr * 2}))
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OREPASS_EXTENSIONS", str(tmp_path / "extensions"))
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "script.yaml").write_text("!Script {script: train.py, kwargs: {lr: 0.25}, output_dir_arg: out-dir}")
    return tmp_path


def test_a_document_is_run_and_found_again(
    place: Path, api: str, store: Store, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert orepass("run", "script.yaml", "launcher=debug", "output_dir=here") == 0
    assert "Metric: 0.5" in capfd.readouterr().out
    assert json.loads((place / "here" / "metrics.json").read_text()) == {"metric": 0.5}
    assert orepass("run", "script.yaml", "launcher=debug") == 0
    assert "Everything came from the cache" in capfd.readouterr().out
    (place / "train.py").write_text("raise SystemExit(3)")
    caplog.clear()
    assert orepass("run", "script.yaml", "launcher=debug") == 1
    # Once in the log, and once in the end, with what to do.
    assert sum("ended with exit code 3" in message for message in caplog.messages) == 1
    said = capfd.readouterr().err.partition("Error: script failed on")[2]
    assert "ended with exit code 3" in said and "a new run computes only what is missing" in said


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("!Scirpt {}", [], "bad.yaml:1:1: Nothing is called 'Scirpt'. Did you mean 'Script'?"),
        ("!Script {scrpt: train.py}", [], "bad.yaml:1:10: !Script takes no argument 'scrpt'. Did you mean 'script'?"),
        ("my-ext: ./ext\n---\n!Script [train.py]", [], "'my-ext' cannot be imported"),
        ("my_ext: ./ext\n---\n!my_ext.Thing {}", [], "ext"),
        ("!Script [train.py]", ["launhcer=debug"], "No option 'launhcer' in RunnableOptions. Did you mean 'launcher'?"),
        ("!Script [train.py]", ["train"], "no modules to name"),
        ("!Script [train.py]", ["--force"], "--force is for pipeline files"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(
    place: Path, text: str, words: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (place / "bad.yaml").write_text(text)
    assert orepass("run", "bad.yaml", *words) == 2
    assert said in capfd.readouterr().err


def test_what_may_not_be_installed_is_not_announced(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (place / "ext").mkdir()
    (place / "ext" / "pyproject.toml").write_text('[project]\nname = "my-ext"\nversion = "1"\n')
    (place / "ext" / "my_ext.py").write_text("class Thing:\n    def run(self): ...\n")
    (place / "it.yaml").write_text("my_ext: ./ext\n---\n!my_ext.Thing {}")
    assert orepass("run", "it.yaml", "--no-install") == 2
    said = capfd.readouterr()
    assert "run once without --no-install" in said.err and "will be installed" not in said.out + said.err
