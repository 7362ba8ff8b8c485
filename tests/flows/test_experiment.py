from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_of_tests import orepass

from orepass import Store

TOYS = """
from pathlib import Path

from orepass import workdir


class Data:
    def __init__(self, lang):
        self.lang = lang

    def run(self):
        self.path = workdir() / "data.txt"
        self.path.write_text(self.lang)


class Train:
    def __init__(self, data, lr):
        self.data, self.lr = data, lr

    def run(self):
        if self.data.read_text() == "oops":
            raise ValueError("no such language")
        self.score = len(self.data.read_text()) * self.lr


class Test:
    def __init__(self, score, seed):
        self.score, self.seed = score, seed

    def run(self):
        (workdir() / "score.txt").write_text(str(self.metric()))

    def metric(self):
        return self.score + self.seed
"""
DOCUMENT = """
pipeline:
  data: !flow_toys_of_tests.Data {lang: !grid [a, bb, %s]}
  train: !flow_toys_of_tests.Train {data: !@ data.path, lr: !grid [1, 10]}
  test: !flow_toys_of_tests.Test {score: !@ train.score, seed: !grid [0, 0.5]}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/flow_toys_of_tests.py").write_text(TOYS)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("flow_toys_of_tests", None)


def run(document: str, *words: str) -> int:
    Path("experiment.yaml").write_text(document)
    return orepass("run", "experiment.yaml", "allow=[flow_toys_of_tests]", "output_dir=out", *words)


def test_twelve_variants_once(place: Path, api: str, store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(DOCUMENT % "ccc", "launcher=debug") == 0
    out = capfd.readouterr().out
    assert "data: 3 complete\n" in out and "train: 6 complete\n" in out
    assert 'test: 12 complete; best 30.5 with seed=0.5, data[lang]="ccc", train[lr]=10 (test-11)' in out
    rows = json.loads((place / "out/experiment.json").read_text())
    assert [row["stage"] for row in rows] == ["data"] * 3 + ["train"] * 6 + ["test"] * 12
    assert rows[-1]["builds_on"] == ["data-2", "train-5"]
    assert (place / "out/test-11/score.txt").read_text() == "30.5"
    assert len(list((place / "out").glob("*/score.txt"))) == 12
    texts = [element.text for element in ElementTree.parse("out/experiment.svg").iter() if element.text]
    assert {"data-2", 'lang="ccc"', "test-11", "seed=0.5", "30.5"} <= set(texts)
    # The same again is all there; with another language only what builds on it is new, and its failure is told.
    assert run(DOCUMENT % "ccc", "launcher=debug") == 0
    assert "Everything came from the cache" in capfd.readouterr().out
    assert run(DOCUMENT % "oops", "launcher=debug") == 1
    err = capfd.readouterr().err
    assert "2 of 19 variants failed; what is finished is stored" in err
    assert "train: 4 complete, 2 failed" in err and "test: 8 complete, 2 dropped" in err
    assert "train-4 failed: " in err


@pytest.mark.parametrize("words", [["launcher.gpus=1"], ["launcher=debug"], ["launcher=dask"]])
def test_more_gpus_than_there_are(
    words: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    document = DOCUMENT % "ccc" + "requires: {train: {gpus: 2}}"
    assert run(document, *words) == 2
    assert re.search(
        r"The stage 'train' needs 2 GPU\(s\), and launcher=\w+ has 1 to give to one", capfd.readouterr().err
    )
