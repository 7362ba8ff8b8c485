"""`Search` itself: over real objects and scripts, outside of flows; and after kill -9."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from processes_of_tests import RunScript, wait_until

from orepass import Store
from orepass.errors import ArrayError, ConfigError, StoreError
from orepass.requirements import Requirements
from orepass.runnables import Call, Grid, LogUniform, Uniform, read_documents
from orepass.runnables.search import Search, search_of
from orepass.runnables.search_pruning import Pruning
from orepass.runnables.search_result import SearchResult

pytestmark = pytest.mark.usefixtures("store")

TOYS = """
import pathlib

from orepass import workdir


class Toy:
    def __init__(self, marks, x, best=0.3):
        self.marks, self.x, self.best = pathlib.Path(marks), x, best

    def run(self):
        if self.x > 0.9:
            raise ValueError(f"x={self.x} is too much")
        with self.marks.open("a") as file:
            file.write(f"{self.x!r}\\n")
        (workdir() / "x.txt").write_text(repr(self.x))

    def metric(self):
        return -abs(self.x - self.best)


class Stepped(Toy):
    done = 0

    def run(self):
        super().run()
        self.done += 1
        return self.done < 9

    def metric(self):
        return self.x * self.done


class Mute:
    def __init__(self, x):
        pass

    def run(self):
        pass
"""


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "search_of_tests.py").write_text(TOYS)
    monkeypatch.syspath_prepend(tmp_path)
    return "search_of_tests"


def test_an_object_is_searched_over(toys: str, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    call = Call("search_of_tests.Toy", {"marks": str(marks), "x": Grid((0.1, 0.25, 0.95))})
    search = Search(call, allow=[toys])
    assert search.metric() is None
    search.run()
    assert search.metric() == pytest.approx(-0.05)
    assert search.result is not None and search.result.best.params == {"x": 0.25}
    assert [trial.state for trial in search.result.trials] == ["complete", "complete", "failed"]
    assert "x=0.95 is too much" in str(search.result.trials[2].error)
    assert search.result.best.folder is not None
    assert (search.result.best.folder / "x.txt").read_text() == "0.25"
    Search(call, allow=[toys]).run()
    assert sorted(marks.read_text().split()) == ["0.1", "0.25"]


def test_a_script_is_searched_over_and_a_changed_one_is_another(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    text = "import json, sys; json.dump({'metric': float(sys.argv[2])}, open(sys.argv[4] + '/metrics.json', 'w'))"
    script.write_text(text)
    arguments = {"script": str(script), "kwargs": {"lr": LogUniform(0.01, 1)}, "output_dir_arg": "out"}
    search = Search(Call("Script", arguments), "random", trials=2, direction="minimize")
    search.run()
    assert search.result is not None
    first = [trial.params["kwargs.lr"] for trial in search.result.trials]
    assert search.result.best.metric == min(first) and search.metric() == -min(first)
    script.write_text(text.replace("float(sys.argv[2])", "-float(sys.argv[2])"))
    changed = Search(Call("Script", arguments), "random", trials=2, direction="minimize")
    changed.run()
    assert changed.result is not None and changed.result.best.metric == -max(first)


@pytest.mark.parametrize("algorithm", ["halving", "hyperband"])
def test_the_better_ones_run_for_more_steps(toys: str, tmp_path: Path, algorithm: str) -> None:
    marks = tmp_path / "marks"
    call = Call("search_of_tests.Stepped", {"marks": str(marks), "x": Uniform(0, 0.9)})

    def search(trials: int) -> SearchResult:
        made = Search(call, algorithm, trials, parallel=1, budget={"max": 9}, allow=[toys])
        made.run()
        assert made.result is not None
        return made.result

    result = search(12)
    had = {(trial.state, trial.budget) for trial in result.trials}
    assert {("complete", 9)} < had <= {("complete", 9), ("pruned", 1), ("pruned", 3)}
    # Each trial has run once, for as many steps as it has had, and is compared by what it came to there.
    assert len(marks.read_text().split()) == sum(trial.budget or 0 for trial in result.trials)
    assert all(trial.metric == trial.params["x"] * (trial.budget or 0) for trial in result.trials)
    assert result.best.state == "complete"
    assert search(12) == result
    assert search(14).trials[:1] == result.trials[:1]
    assert len(set(marks.read_text().split())) == 14


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("!Search {runnable: !Script [a.py], trials: 3}", "algorithm=grid tries all combinations"),
        ("!Search {runnable: !Script [a.py]}", "There is nothing to search over"),
        (
            "!Search\nrunnable: !Script\n  script: a.py\n  kwargs:\n    lr: !uniform [0, 1]",
            "<text>:5:9: !uniform at 'kwargs.lr' has no end of values for a grid",
        ),
        ("!Search {runnable: a.py}", "A str cannot be searched over"),
        ("!Search {runnable: !Script {script: !grid [a, b]}, algorithm: tpr, trials: 3}", "Did you mean 'tpe'?"),
        ("!Search {runnable: !Script {script: !grid [a, b]}, seed: !grid [1, 2]}", "<text>:1:58: !grid in 'seed'"),
        (
            "!Search {runnable: !search_of_tests.Mute {x: !grid [1, 2]}}",
            "<text>:1:20: .* has no method metric()",
        ),
        (
            "!Search {runnable: !search_of_tests.Toy {marks: m, x: !grid [1]}, algorithm: halving, trials: 2, "
            "budget: {argument: bets, max: 9}}",
            "takes no argument 'bets'",
        ),
        (
            "!Search {runnable: !Script [a.py, !c [1, 2]], algorithm: halving, trials: 2, budget: {max: 9}}",
            "<text>:1:20: A Script is one step",
        ),
    ],
)
def test_what_is_wrong_in_a_document_is_told_before_anything_runs(toys: str, text: str, said: str) -> None:
    root = read_documents(text, [toys]).root
    with pytest.raises(ConfigError, match=said.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")):
        search_of(root, [], allow=[toys], folder=Path(), requires=Requirements())


def test_when_all_trials_fail_so_does_the_search(toys: str) -> None:
    search = Search(Call("search_of_tests.Toy", {"marks": "/", "x": Grid((1, 2))}), allow=[toys])
    with pytest.raises(ArrayError, match="All 2 trials failed") as caught:
        search.run()
    assert "x=1 is too much" in str(caught.value.exceptions[0])


async def test_in_a_coroutine_it_is_awaited(toys: str, tmp_path: Path) -> None:
    search = Search(Call("search_of_tests.Toy", {"marks": str(tmp_path / "m"), "x": Grid((0.5,))}), allow=[toys])
    with pytest.raises(ConfigError, match=r"Await schedule\(\)"):
        search.run()
    assert (await search.schedule()).best.params == {"x": 0.5}


def test_a_damaged_journal_is_told_of(toys: str, store: Store, tmp_path: Path) -> None:
    call = Call("search_of_tests.Toy", {"marks": str(tmp_path / "m"), "x": Grid((0.5,))})
    Search(call, allow=[toys]).run()
    (journal,) = store.layout.searches.glob("*.journal")
    for content in (journal.read_bytes()[:-5], b"{\n" + journal.read_bytes()):
        journal.write_bytes(content)
        with pytest.raises(StoreError, match=r"\.journal is damaged: .*\. Remove it: what was computed stays"):
            Search(call, allow=[toys]).run()
    journal.unlink()
    Search(call, allow=[toys]).run()
    assert (tmp_path / "m").read_text() == "0.5\n"


def test_a_trial_whose_journal_was_removed_says_so(tmp_path: Path) -> None:
    pruning = Pruning("study", (1, 3), 3, str(tmp_path / "it.journal"), 0)
    assert not pruning.ends(3, 0.5)
    with pytest.raises(StoreError, match=r"no longer in the journal .*it\.journal"):
        pruning.ends(1, 0.5)


DRIVER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from orepass.runnables import Call, Uniform
from orepass.runnables.search import Search

toy = Call("slow_of_tests.Slow", {"folder": sys.argv[1], "x": Uniform(0, 1)})
search = Search(toy, "random", trials=6, parallel=2, allow=["slow_of_tests"])
search.run()
print("best", search.result.best.params["x"], len(search.result.trials))
"""

SLOW = """
import pathlib, time


class Slow:
    def __init__(self, folder, x):
        self.folder, self.x = pathlib.Path(folder), x

    def run(self):
        with (self.folder / "begun").open("a") as file:
            file.write(f"{self.x!r}\\n")
        # The third and fourth wait for as long as there is this file.
        place = (self.folder / "begun").read_text().split().index(repr(self.x))
        while place >= 2 and (self.folder / "wait").exists():
            time.sleep(0.02)

    def metric(self):
        return self.x
"""


def test_a_search_goes_on_after_kill_9(run_script: RunScript, store: Store, tmp_path: Path) -> None:
    (tmp_path / "slow_of_tests.py").write_text(SLOW)
    (tmp_path / "wait").touch()
    begun = tmp_path / "begun"

    def values() -> list[str]:
        return begun.read_text().split() if begun.exists() else []

    run = run_script(DRIVER, tmp_path)
    wait_until(lambda: len(values()) == 4 and len(list((store.root / "runnable").iterdir())) == 2, "two to be left")
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    before = values()
    (tmp_path / "wait").unlink()
    begun.unlink()
    again = run_script(DRIVER, tmp_path)
    output = again.end()
    assert again.process.returncode == 0, output
    # Those that were running have the same values again, those that were finished are not run again.
    assert sorted(values()[:2]) == sorted(before[2:])
    assert len(values()) == 4 and set(before[:2]).isdisjoint(values())
    assert output.strip().endswith(f"best {max(before + values())} 6")


def test_uniform_is_drawn_alike_whatever_was_drawn_before(toys: str, tmp_path: Path) -> None:
    def drawn(trials: int, seed: int = 1) -> list[Any]:
        call = Call("search_of_tests.Toy", {"marks": str(tmp_path / "marks"), "x": Uniform(0, 0.5)})
        search = Search(call, "random", trials=trials, seed=seed, allow=[toys])
        search.run()
        assert search.result is not None
        return [trial.params["x"] for trial in search.result.trials]

    assert drawn(3) == drawn(5)[:3] != drawn(3, seed=2)
