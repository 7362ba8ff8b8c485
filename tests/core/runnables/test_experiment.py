from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orepass import Store
from orepass.errors import ConfigError
from orepass.runnables import Call, Grid, Link, read_documents
from orepass.runnables.experiment import Experiment, experiment_of
from orepass.runnables.experiment_report import write_tables
from orepass.runnables.experiment_result import ExperimentResult

ALLOW = ["toys_of_tests", "torch.nn"]
TOYS = """
from pathlib import Path

import numpy as np

from orepass import workdir


class Data:
    def __init__(self, lang, broken=False):
        self.lang, self.broken, self.made = lang, broken, None

    def run(self):
        if self.broken:
            raise ValueError("bad data")
        self.path = workdir() / "data.txt"
        self.path.write_text(self.lang)
        self.info = {"letters": [len(self.lang)]}
        self.made = object()

    @property
    def letters(self):
        return self.info["letters"][0]


class Model:
    def __init__(self, width=2):
        self.width, self.weights, self.inner = width, np.zeros(width), Inner()

    def state_dict(self):
        return {"weights": self.weights, "more": {1: (2, None)}}

    def load_state_dict(self, state):
        self.weights = state["weights"]
        assert state["more"] == {1: (2, None)}

    def total(self):
        return float(self.weights.sum())


class Inner:
    name = "inner"


class Saved:
    def __init__(self):
        self.text = "new"

    def save(self, folder):
        (Path(folder) / "text").write_text(self.text)

    def load(self, folder):
        self.text = (Path(folder) / "text").read_text()


class Odd(Saved):
    save = load = None

    def state_dict(self):
        return {"function": len}

    def load_state_dict(self, state):
        raise AssertionError


class Train:
    def __init__(self, model, by=1.0, data=None):
        self.model, self.by, self.data, self.same = model, by, data, model

    def run(self):
        if isinstance(self.model, Model):
            self.model.weights = self.model.weights + self.by
        elif isinstance(self.model, Saved):
            self.model.text = "trained"

    def metric(self):
        return self.by


class Show:
    def __init__(self, what):
        self.what = what

    def run(self):
        self.shown = repr(self.what)
        (workdir() / "shown.txt").write_text(self.shown)


class Total(Show):
    def run(self):
        self.total = self.what.total()

    def metric(self):
        return self.total


class Within(Train):
    def run(self):
        self.model.what.weights = self.model.what.weights + self.by


class Same(Show):
    def run(self):
        outer, inner = self.what
        self.total = float(outer.what is inner)

    def metric(self):
        return self.total


class Weights(Show):
    def run(self):
        self.total = float(sum(p.detach().sum() for p in self.what.parameters()))

    def metric(self):
        return self.total


class Fill(Show):
    def run(self):
        for parameter in self.what.parameters():
            parameter.data.fill_(2.0)


def lines(count) -> list:
    return ["line"] * count


def unsaid(count):
    return count
"""


@pytest.fixture(autouse=True)
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Iterator[None]:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/toys_of_tests.py").write_text(TOYS)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    yield
    sys.modules.pop("toys_of_tests", None)


def experiment(text: str) -> Experiment:
    document = read_documents(text.replace("!t.", "!toys_of_tests."), ALLOW)
    return experiment_of(document.root, allow=ALLOW)


def ran(text: str) -> ExperimentResult:
    return asyncio.run(experiment(text).schedule(allow=ALLOW))


def shown(result: ExperimentResult, stage: str = "show") -> list[object]:
    found = [variant.result.exports.values[""].get("shown") for variant in result.of(stage) if variant.result]
    assert not result.failed, [variant.error for variant in result.failed]
    return found


@pytest.mark.parametrize(
    ("link", "value"),
    [
        ("data[lang]", "'ab'"),
        ("data.info", "{'letters': [2]}"),
        ("data.letters", "2"),
        ("data.made", None),
        ("plain[b][0]", "3"),
        ("plain", "{'a': 1, 'b': [3]}"),
        ("lines", "['line', 'line']"),
        ("model.width", "2"),
        ("model.inner.name", "'inner'"),
    ],
)
def test_links_to_values(link: str, value: str | None) -> None:
    text = f"""
    pipeline:
      data: !t.Data {{lang: ab}}
      plain: {{a: 1, b: [3]}}
      lines: !t.lines [2]
      model: !t.Model {{}}
      show: !t.Show
        what: !@ {link}
    """
    if value is not None:
        assert shown(ran(text)) == [value]
        return
    (failed,) = ran(text).failed
    assert failed.error and "<text>:8:15: !@ data.made: 'made' is, or has in it, a object" in failed.error


def test_a_linked_file_counts_by_its_content() -> None:
    text = "pipeline: {data: !t.Data {lang: ab, broken: %s}, show: !t.Show {what: !@ 'data.path'}}"
    first, second = ran(text % "false"), ran(text % "0")
    assert first.of("data")[0].result != second.of("data")[0].result
    assert first.of("show")[0].result == second.of("show")[0].result
    (shown_path,) = shown(first)
    assert "data.txt" in str(shown_path)


def test_objects_are_built_anew_with_the_state_that_they_had() -> None:
    result = ran("""
    pipeline:
      first: !t.Train {model: !t.Model {width: 3}}
      second: !t.Train {model: !@ 'first[model]', by: 10}
      of_first: !t.Total [!@ 'first[model]']
      of_second: !t.Total [!@ 'second[model]']
      of_same: !t.Total [!@ 'second.same']
    """)
    totals = {name: result.of(name)[0].metric for name in ("of_first", "of_second", "of_same")}
    assert totals == {"of_first": 3.0, "of_second": 33.0, "of_same": 33.0}


def test_keys_go_through_other_links() -> None:
    result = ran("""
    pipeline:
      sizes: {width: !grid [2, 3], more: {by: [1, 5]}}
      model: !t.Model {width: !@ 'sizes[width]'}
      first: !t.Train {model: !@ model, by: !@ 'sizes[more][by][1]', data: {lines: [a, b]}}
      second: !t.Train {model: !@ 'first[model]', data: !@ 'first.data'}
      show: !t.Show [[!@ 'second[model][width]', !@ 'second[data][lines][1]', !@ 'first[by]']]
    """)
    assert shown(result) == ["[2, 'b', 5]", "[3, 'b', 5]"]


def test_objects_in_linked_objects_have_the_state_of_the_stage_that_they_are_taken_from() -> None:
    result = ran("""
    pipeline:
      first: !t.Train {model: !t.Show [!t.Model {width: 3}]}
      fill: !t.Within {model: !@ 'first[model]', by: 7}
      same: !t.Train {model: !@ 'fill[model]'}
      of_first: !t.Total [!@ 'first[model][0]']
      of_fill: !t.Total [!@ 'fill[model][0]']
      by_attribute: !t.Total [!@ 'fill[model].what']
      of_same: !t.Total [!@ 'same[model][0]']
      both: !t.Same [[!@ 'same[model]', !@ 'same[model][0]']]
    """)
    shown(result, "both")
    totals = [result.of(name)[0].metric for name in ("of_first", "of_fill", "by_attribute", "of_same", "both")]
    assert totals == [0.0, 21.0, 21.0, 21.0, 1.0]


def test_keys_of_attributes() -> None:
    text = (
        "pipeline: {a: !t.Train {model: !t.Model {}}, b: !t.Train {model: !@ a.same, data: !@ a.by}, c: !t.Show [%s]}"
    )
    assert shown(ran(text % "!@ 'b[model].width'"), "c") == ["2"]
    (failed,) = ran(text % "!@ 'b[model][width]'").failed
    assert failed.error and "!@ b[model][width]: [width] cannot be taken of a.same: keys go to" in failed.error
    (failed,) = ran(text % "!@ 'b[data][x]'").failed
    assert failed.error and "!@ b[data][x]: There is no 'x' in 1.0, which is linked to." in failed.error


def test_state_may_be_files_and_has_to_be_data() -> None:
    text = "pipeline: {train: !t.Train {model: !t.%s {}}, show: !t.Show {what: !@ 'train[model].text'}}"
    assert shown(ran(text % "Saved")) == ["'trained'"]
    objects = "pipeline: {train: !t.Train {model: !t.Odd {}}, show: !t.Show {what: !@ 'train[model]'}}"
    (failed,) = ran(objects).failed
    assert failed.error and "In its state_dict() is a builtin_function_or_method" in failed.error


def test_the_state_of_torch_modules() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    result = ran("""
    pipeline:
      fill: !t.Fill [&model !torch.nn.Linear {in_features: 3, out_features: 1}]
      total: !t.Weights [!@ 'fill[0]']
    """)
    assert result.of("total")[0].metric == 8.0
    states = result.of("fill")[0].result.exports.states  # type: ignore[union-attr]
    assert not [path for folder in states.values() for path in folder.iterdir() if path.suffix in (".pt", ".pkl")]


def test_reduce_keeps_the_best_and_direction_turns_it_round(tmp_path: Path) -> None:
    text = """
    pipeline:
      train: !t.Train {model: !t.Model {}, by: !grid [1, 3, 2]}
      total: !t.Total [!@ 'train[model]']
    reduce: {train: 2}
    direction: %s
    """
    result = ran(text % "maximize")
    assert [variant.metric for variant in result.of("total")] == [6.0, 4.0]
    assert [variant.kept for variant in result.of("train")] == [False, True, True]
    assert "train: 3 complete, 2 kept; best 3 with by=3 (train-1)" in result.lines()
    result = ran(text % "{train: minimize}")
    assert [variant.metric for variant in result.of("total")] == [2.0, 4.0]
    table = write_tables(result, tmp_path)[0].read_text().splitlines()
    assert len(table) == 6 and table[1].startswith("train-0\ttrain\tby=1\t\tcomplete\tTrue\t1.0\t\t/")


def test_other_algorithms_search_a_stage() -> None:
    result = ran("""
    pipeline:
      data: !t.Data {lang: !grid [a, b]}
      train: !t.Train {model: !t.Model {}, by: !uniform [0, 1], data: !@ 'data[lang]'}
      total: !t.Total [!@ 'train[model]']
    algorithm: {train: {algorithm: random, trials: 3}}
    reduce: {train: 1}
    """)
    assert [len(result.of(name)) for name in ("data", "train", "total")] == [2, 6, 1]
    best = result.ranked("train")[0]
    assert best.kept and result.of("total")[0].metric == pytest.approx(2 * (best.metric or 0))


def test_a_script_that_is_not_there_is_told_before_anything_runs(store: Store) -> None:
    with pytest.raises(ConfigError, match=r"<text>:1:\d+: There is no script 'nothere\.py'"):
        ran("pipeline: {data: !t.Data {lang: ab}, show: !Script [nothere.py]}")
    assert not list(store.records("runnable"))


def test_what_fails_does_not_stop_the_others() -> None:
    result = ran("""
    pipeline:
      data: !t.Data {lang: ab, broken: !grid [true, false]}
      show: !t.Show [!@ data.path]
      last: !t.Show [!@ show.shown]
    """)
    states = {name: [variant.state for variant in result.of(name)] for name in ("data", "show", "last")}
    assert states["data"] == ["failed", "complete"] and states["show"] == states["last"] == ["dropped", "complete"]
    assert "ValueError: bad data" in str(result.failed[0].error)
    assert {variant.error for variant in result.variants if variant.state == "dropped"} == {
        "builds on data-0, which failed"
    }


def test_in_python(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = {
        "sizes": {"width": Grid((1, 2))},
        "model": Call("toys_of_tests.Model", {"width": Link("sizes", ("width",))}),
        "total": Call("toys_of_tests.Total", {"what": Link("model")}),
    }
    found = Experiment("sizes", pipeline)
    stages = found.plan(allow=["toys_of_tests"])
    assert [(stage.name, stage.runs) for stage in stages] == [("sizes", False), ("model", False), ("total", True)]
    result = asyncio.run(found.schedule(allow=["toys_of_tests"]))
    assert len(result.of("total")) == 2 and result.lines()[0] == "sizes: 2 variants, not run"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pipeline: {}", "The experiment has no stages"),
        ("pipeline: [1]", "Give a mapping by stage"),
        ("pipeline: {a: {x: 1}}\nredcue: {}", "no argument 'redcue'. Did you mean 'reduce'?"),
        ("pipeline: {trian: !t.Data [a], b: !t.Show [!@ 'train']}", ":1:68: !@ train: there is no such stage. Did you"),
        ("pipeline: {a: !Search {runnable: !t.Show [1]}}", ":1:15: The stage 'a' cannot be a !Search"),
        ("pipeline: {a: !t.Show [!@ 'a.x']}", ":1:36: !@ a.x links the stage 'a' to itself"),
        ("pipeline: {a: !t.Show [!@ b], b: !t.Show [!@ a]}", "in a circle: "),
        ("pipeline: {a: !t.Show [!@ 'b[0][0]'], b: !t.Show [!@ 'a[0][0]']}", "in a circle: "),
        ("pipeline: {a: !t.Show [!@ b.path], b: !t.Data [x]}", ":1:36: !@ b.path: 'b' comes after 'a'. Write it"),
        ("pipeline: {a: !t.Data [x], b: !t.Show [!@ 'a[lagn]']}", "!@ a[lagn]: There is no 'lagn' at the top."),
        ("pipeline: {a: {x: 1}, b: {y: !@ a}, c: !t.Show [!@ 'b[y][z]']}", ":1:61: !@ b[y][z]: There is no 'z' at"),
        ("pipeline: {a: !t.Dtaa [x]}", "There is no 'Dtaa'"),
        ("pipeline: {a: !t.Data {lagn: x}}", "Data at 'pipeline.a' takes no argument 'lagn'. Did you mean 'lang'?"),
        ("pipeline: {a: !t.unsaid [1]}", "is a function, so whether the stage 'a' is to run cannot be seen"),
        ("pipeline: {a: !t.Data {lang: !uniform [0, 1]}}", "has no end of values for a grid"),
        ("pipeline: {a b: 1}", "A stage cannot be called 'a b'"),
        ("pipeline: {abc: !t.Data [x]}\nreduce: {abd: 1}", "2:10: reduce: there is no stage 'abd'. Did you"),
        ("pipeline: {a: !t.Train [!grid [1]]}\nreduce: {a: 0}", "2:10: reduce: a is 0. Give how many"),
        ("pipeline: {a: !t.Train [1]}\nreduce: {a: 1}", "2:10: reduce: the stage 'a' has one variant"),
        ("pipeline: {a: {x: !grid [1, 2]}}\nreduce: {a: 1}", "2:10: reduce: the stage 'a' has no run()"),
        ("pipeline: {a: !t.Data [x]}\nalgorithm: {a: {}}", "2:13: algorithm: the stage 'a' has no search spaces"),
        ("pipeline: {a: !t.Train [!g [1]]}\nalgorithm: {a: {algorithm: gird}}", "2:13: algorithm: a: SearchOptions"),
        ("pipeline: {a: {x: !g [1]}}\nalgorithm: {a: {algorithm: tpe, trials: 2}}", "no metric to search by"),
        ("pipeline: {a: !t.Data [x]}\nrequires: {a: {cpu: 1}}", "2:12: requires: a: No option 'cpu' in Requirements."),
        ("pipeline: {a: !t.Data [x]}\ndirection: up", "There is no direction 'up'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_anything_runs(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        document = read_documents(text.replace("!t.", "!toys_of_tests."), ["toys_of_tests"])
        experiment_of(document.root, allow=["toys_of_tests"]).plan(allow=["toys_of_tests"])
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("data.pth", "<text>:1:77: !@ data.pth: data has no attribute 'pth'. Did you mean 'path'?"),
        ("data.path.parents", "'parents' is, or has in it, a _PathParents"),
        ("data.info.x", "a dict has no attribute 'x'"),
    ],
)
def test_attributes_are_told_when_they_are_known(link: str, said: str) -> None:
    (failed,) = ran(f"pipeline: {{data: !t.Data [ab], show: !t.Show {{what: !@ '{link}'}}}}").failed
    assert said in str(failed.error)
