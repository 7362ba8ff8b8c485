"""A search as people run it: `orepass run` on `!Search`, and what it leaves for them."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_of_tests import orepass

from orepass import Store
from orepass.flows._search_page import plots_in_markdown, search_page
from orepass.runnables import Choice, Grid, Integers, LogUniform, Uniform
from orepass.runnables.search_importance import importances
from orepass.runnables.search_result import SearchResult, Trial
from orepass.runnables.search_spaces import Space

TRAIN = """
import argparse, json, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--kind")
parser.add_argument("--out", type=pathlib.Path)
given = parser.parse_args()
if given.kind == "broken":
    raise SystemExit("this kind is broken")
(given.out / "metrics.json").write_text(json.dumps({"metric": given.lr * (3 if given.kind == "good" else 1)}))
"""

DOCUMENT = """
!Search
runnable: !Script
  script: train.py
  kwargs: {lr: !grid [0.25, 0.5], kind: !grid [good, bad, broken]}
  output_dir_arg: out
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "search.yaml").write_text(DOCUMENT)
    return tmp_path


def test_a_search_leaves_the_best_a_table_and_a_page(
    place: Path, api: str, store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    assert orepass("run", "search.yaml", "launcher=debug", "output_dir=found") == 0
    said = capfd.readouterr().out
    assert "Metric: 1.5" in said and "kwargs.kind=good, kwargs.lr=0.5" in said
    assert "2 trials failed; the first: trial" in said and "4 computed" in said
    table = [line.split("\t") for line in (place / "found/trials.tsv").read_text().splitlines()]
    assert table[0] == ["number", "state", "metric", "budget", "kwargs.kind", "kwargs.lr", "error"]
    assert sorted(row[1] for row in table[1:]) == ["complete"] * 4 + ["failed"] * 2
    told = json.loads((place / "found/trials.json").read_text())
    assert told["trials"][told["best"]]["params"] == {"kwargs.kind": "good", "kwargs.lr": 0.5}
    assert set(told["importances"]) == {"kwargs.kind", "kwargs.lr"}
    assert json.loads((place / "found/best/metrics.json").read_text()) == {"metric": 1.5}
    assert "polyline" in (place / "found/search.html").read_text()

    wider = DOCUMENT.replace(", broken", "").replace("0.5]", "0.5, 0.75]")
    (place / "search.yaml").write_text(wider)
    assert orepass("run", "search.yaml", "launcher=debug", "output_dir=found") == 0
    assert "6 runs: 4 from the cache, 2 computed, 0 failed" in capfd.readouterr().out
    assert orepass("run", "found/best.yaml", "launcher=debug") == 0
    assert "Metric: 2.25" in capfd.readouterr().out


def test_more_gpus_than_there_are_are_refused_before_anything_runs(
    place: Path, store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    (place / "search.yaml").write_text(DOCUMENT + "requires: {gpus: 100}\n")
    assert orepass("run", "search.yaml") == 2
    assert "A trial needs 100 GPU(s)" in capfd.readouterr().err


SPACES: dict[str, Space] = {
    "lr": LogUniform(1e-4, 1),
    "size": Integers(1, 64, log=True),
    "drop": Uniform(0, 1, 0.1),
    "kind": Choice(("a & b", None, 3)),
}


def trials(*metrics: float | None) -> tuple[Trial, ...]:
    """Whose metric is that of `size` alone."""
    kinds = ("a & b", None, 3)
    return tuple(
        Trial(
            number,
            {
                "lr": 10.0 ** -(number % 5 / 2),
                "size": 1 + number % 8,
                "drop": 0.1 * (number % 3),
                "kind": kinds[number % 3],
            },
            metric,
            "failed" if metric is None else "complete",
            "no luck" if metric is None else None,
            None,
            None,
        )
        for number, metric in enumerate(metrics)
    )


def test_the_parameter_that_decides_is_the_most_important_one() -> None:
    shares = importances(SPACES, trials(*(float(number % 8) for number in range(40))), "maximize")
    assert next(iter(shares)) == "size" and sum(shares.values()) == pytest.approx(1)
    assert importances(SPACES, trials(1.0, 1.0), "maximize") == {} == importances(SPACES, trials(1.0), "minimize")


@pytest.mark.parametrize("metrics", [(1.0,), (1.0, None, 3.0, 2.0), (None, 2.0, 2.0)])
def test_the_page_can_be_drawn_of_any_trials(metrics: tuple[float | None, ...]) -> None:
    result = SearchResult(trials(*metrics))
    page = search_page("a <search>", result, SPACES, importances(SPACES, result.trials, "maximize"), ["fact"])
    assert "a &lt;search&gt;" in page and "a &amp; b" in page
    assert page.count("<circle") == len(metrics)


def test_the_plots_stand_in_markdown_as_pictures_of_their_own() -> None:
    result = SearchResult(trials(1.0, None, 3.0, 2.0))
    shares = importances(SPACES, result.trials, "maximize")
    text = plots_in_markdown(result, SPACES, shares)
    pictures = [base64.b64decode(data) for data in re.findall(r"!\[.+\]\(data:image/svg\+xml;base64,(.+)\)", text)]
    names = [{element.tag.rpartition("}")[2] for element in ElementTree.fromstring(one).iter()} for one in pictures]
    assert [{"circle", "polyline"} & found for found in names] == [{"circle", "polyline"}, set(), {"polyline"}]


def test_values_of_a_grid_can_be_drawn_too() -> None:
    one = Trial(0, {"model": {"_target_": "A"}}, 1.0, "complete", None, None, None)
    assert "_target_" in search_page("one", SearchResult((one,)), {"model": Grid(("x",))}, {}, [])
