"""`orepass run`, `status`, `plan` and `modules`, as they are typed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import command_of_tests
import pytest
from toy_modules import first, second

from orepass import Store
from orepass.pipelines import ModuleInputConnection, ModuleOutputConnection, ModuleStage, Parameter, multistage_module

prepare_and_cut = multistage_module(
    "prepare_and_cut",
    [
        ModuleStage("prepare", first, [ModuleInputConnection("raw_data")], [ModuleOutputConnection("corpus")]),
        ModuleStage("cut", second, output_connections=[ModuleOutputConnection("result", "cut")]),
    ],
    [Parameter("threshold", ["prepare_threshold"], help="the fewest characters", default=2)],
)

deep = multistage_module("deep", [ModuleStage("key", prepare_and_cut)])

PIPELINE = f"""
vars: {{cutoff: 3}}
modules:
  corpus: {{type: toy_modules:read, path: text.txt}}
  both:
    type: {__name__}:prepare_and_cut
    input_raw_data: corpus
    cut_cutoff: ${{vars.cutoff}}
  lines: {{type: toy_modules:lines_of, input_corpus: both.cut}}
  loud: {{type: toy_modules:shout, input_element: lines}}
publish: [both.corpus, loud]
output_dir: shown
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> dict[str, Any]:
        """What `--json` says, by module."""
        return {row["module"]: row for row in json.loads(self.out)}


Command = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "text.txt").write_text("good\nx\nnews!\n")
    (tmp_path / "toy.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def orepass(api: str, store: Store, folder: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command, in this process."""

    def run(*words: str) -> Ended:
        capfd.readouterr()
        return Ended(command_of_tests.orepass(*words), *capfd.readouterr())

    return run


def run(orepass: Command, *words: str) -> Ended:
    return orepass("run", "toy.yaml", *words, "launcher=debug")


def states(orepass: Command, *words: str) -> dict[str, str]:
    return {name: row["state"] for name, row in orepass("status", "toy.yaml", "--json", *words).rows.items()}


def test_a_pipeline_runs_and_then_there_is_nothing_to_do(orepass: Command, folder: Path) -> None:
    assert states(orepass) == {"corpus": "ready", "both:prepare": "waiting", "both:cut": "waiting", "loud": "waiting"}
    ended = run(orepass)
    assert ended.code == 0, ended.err
    assert set(states(orepass).values()) == {"done"}
    assert (folder / "shown/clean.txt").read_text() == "good\nnews!\n"
    assert json.loads((folder / "shown/loud.json").read_text())[1] == {"line": "NEW", "loudness": 0}
    again = run(orepass)
    assert (again.code, again.err) == (0, "toy.yaml: done, nothing to do.\n")


def test_names_run_one_stage_after_the_other(orepass: Command) -> None:
    waiting = run(orepass, "both")
    assert waiting.code == 1
    assert "both:prepare waits for corpus" in waiting.err
    assert "Run first: corpus" in waiting.err
    first_two = run(orepass, "corpus", "both")
    assert (first_two.code, "both: both:cut still to run." in first_two.err) == (0, True)
    assert (states(orepass)["both:prepare"], states(orepass)["both:cut"]) == ("done", "ready")
    assert run(orepass, "both").code == 0
    assert states(orepass)["both:cut"] == "done"
    assert "nothing to do" in run(orepass, "both:all").err


def test_a_stage_list_and_a_dry_run_run_nothing(orepass: Command, store: Store) -> None:
    listed = run(orepass, "both:?")
    assert (listed.code, "both:cut" in listed.out, "waiting" in listed.out) == (0, True, True)
    dry = run(orepass, "--dry-run")
    assert (dry.code, "no result of this module is stored yet" in dry.out) == (0, True)
    assert store.modules() == []


def test_a_failure_is_told_and_costs_nothing_else(orepass: Command) -> None:
    failed = run(orepass, "vars.cutoff=13")
    assert failed.code == 1
    assert "both:cut failed on" in failed.err
    assert "13 is unlucky" in failed.err
    status = orepass("status", "toy.yaml", "--json", "vars.cutoff=13").rows
    assert status["both:prepare"]["state"] == "done"
    assert (status["both:cut"]["state"], status["both:cut"]["problem"]) == ("failed", "ValueError: 13 is unlucky")
    assert run(orepass, "vars.cutoff=2").code == 0


def test_a_step_that_was_killed_has_failed_and_says_so(orepass: Command, folder: Path) -> None:
    with (folder / "toy.yaml").open("a") as file:
        file.write("launcher: {name: local}\n")
    (folder / "dies.yaml").write_text(
        "defaults: [toy, _self_]\nmodules: {dead: {type: toy_modules:die, input_corpus: corpus}}\n"
    )
    assert orepass("run", "dies.yaml", "corpus", "dead").code == 1
    dead = orepass("status", "dies.yaml", "--json").rows["dead"]
    assert dead["state"] == "failed"
    assert dead["problem"].startswith("StepKilled: dead")


def test_a_plan_says_what_would_run_and_why(orepass: Command) -> None:
    run(orepass)
    plan = orepass("plan", "toy.yaml", "vars.cutoff=4", "--json").rows
    assert {name: row["action"] for name, row in plan.items()} == {
        "corpus": "cached",
        "both:prepare": "cached",
        "both:cut": "run",
        "loud": "run",
    }
    assert plan["both:cut"]["why"] == "cutoff 3 -> 4"
    assert 0 < plan["both:cut"]["seconds"] < 60
    assert plan["both:cut"]["memory_bytes"] > 2**20
    assert plan["loud"]["why"] == "after both:cut"
    forced = orepass("plan", "toy.yaml", "both:prepare", "--force", "--json").rows
    assert (forced["both:prepare"]["action"], forced["both:prepare"]["why"]) == ("run", "forced")


def test_forcing_makes_what_depends_on_it_not_done(orepass: Command) -> None:
    run(orepass)
    assert run(orepass, "both:prepare", "--force").code == 0
    assert states(orepass) == {"corpus": "done", "both:prepare": "done", "both:cut": "ready", "loud": "waiting"}


def test_the_graph_is_a_picture_with_all_modules(orepass: Command, folder: Path) -> None:
    assert orepass("status", "toy.yaml", "--graph", "pictures/out.svg").code == 0
    texts = [element.text for element in ET.parse(folder / "pictures/out.svg").iter() if element.tag.endswith("text")]
    assert {"corpus", "both:prepare", "both:cut", "lines", "loud"} <= set(texts)
    assert orepass("status", "toy.yaml", "--graph", "text.txt/out.svg").code == 1


def test_pipelines_are_composed(orepass: Command, folder: Path) -> None:
    (folder / "more.yaml").write_text(
        "defaults: [toy, size: small, _self_]\nmodules: {loud: {input_element: [lines, lines]}}\n"
    )
    for size, cutoff in {"small": 1, "large": 50}.items():
        (folder / "size").mkdir(exist_ok=True)
        (folder / f"size/{size}.yaml").write_text(f"# @package _global_\nvars: {{cutoff: {cutoff}}}\n")
    assert orepass("run", "more.yaml", "size=large", "launcher=debug").code == 0
    assert set(states(orepass, "vars.cutoff=50").values()) == {"done"}
    assert json.loads((folder / "shown/loud.json").read_text())[3] == {"line": "NEWS!", "loudness": 1}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "tyo.yaml"], 2, "There is no file 'tyo.yaml'"),
        (["run", "text.txt"], 2, "its name has to end in .yaml"),
        (["run", "toy.yaml", "bth"], 2, "There is no module 'bth' in this pipeline. Did you mean 'both'"),
        (["run", "toy.yaml", "both:ct"], 2, "'both' has no stage 'ct'. Did you mean 'cut'"),
        (["run", "toy.yaml", "modules.both.cut_cutof=3"], 2, "no option 'cut_cutof' in prepare_and_cut"),
        (["run", "toy.yaml", "vars.cutoff=many"], 2, "both: cut_cutoff: Input should be a valid integer"),
        (["run", "toy.yaml", "launcher=lcoal"], 2, "lcoal"),
        (["run", "toy.yaml", "publish=[both.nothing]"], 2, "publish: both has no output 'nothing'"),
        (["run", "toy.yaml", "kep_going=true"], 2, "kep_going"),
        (["run"], 2, "FILE.yaml"),
        (["modules", "embed_txt"], 2, "Did you mean 'embed_text'"),
    ],
)
def test_what_makes_no_sense_is_told_in_words(orepass: Command, words: list[str], code: int, message: str) -> None:
    ended = orepass(*words)
    assert ended.code == code
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_bad_yaml_is_told_with_its_place(orepass: Command, folder: Path) -> None:
    (folder / "bad.yaml").write_text("modules:\n  a: {type: x\n")
    ended = orepass("status", "bad.yaml")
    assert (ended.code, "line 3" in ended.err) == (2, True)


def test_modules_are_listed_and_described(orepass: Command) -> None:
    assert "encode_and_index" in orepass("modules").out
    rows = {row["name"]: row for row in json.loads(orepass("modules", f"{__name__}:prepare_and_cut", "--json").out)}
    assert rows["threshold"] == {
        "kind": "option",
        "name": "threshold",
        "type": "int",
        "default": 2,
        "required": False,
        "help": "the fewest characters",
    }
    assert rows["raw_data"]["required"]


def test_what_a_pipeline_does_not_reach_can_be_pruned(orepass: Command, store: Store) -> None:
    run(orepass)
    run(orepass, "vars.cutoff=2")
    before = len([*store.records("toy_second")])
    assert orepass("cache", "prune", "--unreachable-from", "toy.yaml", "--yes").code == 0
    assert (before, len([*store.records("toy_second")])) == (2, 1)
    assert set(states(orepass).values()) == {"done"}


def test_stages_are_called_what_they_are_called(orepass: Command, folder: Path) -> None:
    """`:key:` and `:train:` would be pictures in rich's words."""
    (folder / "deep.yaml").write_text(
        "modules:\n  corpus: {type: toy_modules:read, path: text.txt}\n"
        f"  m: {{type: '{__name__}:deep', input_raw_data: corpus}}\n"
    )
    assert "m:key:prepare" in orepass("status", "deep.yaml").out
    waiting = orepass("run", "deep.yaml", "m", "launcher=debug")
    assert "m:key:prepare waits for corpus" in waiting.err
    done = orepass("run", "deep.yaml", "launcher=debug")
    assert "m:key:prepare" in done.out


def test_files_of_one_name_are_published_side_by_side(orepass: Command, folder: Path) -> None:
    (folder / "two.yaml").write_text(
        "defaults: [toy, _self_]\n"
        "modules: {other: {type: toy_modules:first, input_raw_data: corpus, threshold: 5}}\n"
        "publish: [both.corpus, other.corpus, corpus]\n"
    )
    ended = orepass("run", "two.yaml", "launcher=debug")
    assert (folder / "shown/both.corpus/clean.txt").read_text() == "good\nnews!\n"
    assert (folder / "shown/other.corpus/clean.txt").read_text() == "news!\n"
    assert "corpus: shown/text.txt" in ended.out


def test_names_go_on_after_a_failure_if_they_shall(orepass: Command, folder: Path) -> None:
    (folder / "two.yaml").write_text(
        "defaults: [toy, _self_]\n"
        "modules: {bad: {type: toy_modules:second, input_data: corpus, cutoff: 13}, "
        "good: {type: toy_modules:second, input_data: corpus}}\n"
    )
    ended = orepass("run", "two.yaml", "corpus", "bad", "good", "--keep-going", "launcher=debug")
    assert (ended.code, "13 is unlucky" in ended.err) == (1, True)
    rows = orepass("status", "two.yaml", "--json").rows
    assert (rows["bad"]["state"], rows["good"]["state"]) == ("failed", "done")


def test_forcing_in_an_order_that_cannot_be_forgets_nothing(orepass: Command) -> None:
    run(orepass)
    ended = run(orepass, "both:cut", "both:prepare", "--force")
    assert (ended.code, "Name both:prepare first" in ended.err) == (1, True)
    assert set(states(orepass).values()) == {"done"}


def test_an_adapter_that_fails_is_told_and_stops_nothing_else(orepass: Command, folder: Path) -> None:
    (folder / "bad.yaml").write_text(
        "defaults: [toy, _self_]\n"
        "modules: {broken: {type: toy_modules:failing, input_corpus: corpus}, "
        "after: {type: toy_modules:join, input_lines: broken}}\n"
    )
    assert orepass("run", "bad.yaml", "corpus", "launcher=debug").code == 2  # an int is no list
    (folder / "bad.yaml").write_text(
        "defaults: [toy, _self_]\nmodules: {broken: {type: toy_modules:failing, input_corpus: corpus}}\n"
    )
    ended = orepass("run", "bad.yaml", "launcher=debug", "--keep-going")
    assert (ended.code, "broken: the adapter failing failed: ZeroDivisionError" in ended.err) == (1, True)
    assert set(states(orepass).values()) == {"done"}


def test_a_plan_of_what_cannot_be_says_so(orepass: Command) -> None:
    plan = orepass("plan", "toy.yaml", "modules.corpus.path=nofile.txt", "--json").rows
    assert "nofile.txt" in plan["corpus"]["why"]
    ended = run(orepass, "modules.corpus.path=nofile.txt")
    assert (ended.code, "This was while the key of corpus was made" in ended.err) == (1, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defaults: [bad]\nmodules: {}\n", "cannot be composed"),
        ("modules: {a: {type: x}, a: {type: y}}\n", "found duplicate key"),
        ("modules: {corpus: {type: toy_modules:read, path: '${vars.none}'}}\n", "vars"),
        ("modules: {corpus: {type: toy_modules:read, path: '${oc.env:NO_SUCH_VARIABLE}'}}\n", "NO_SUCH_VARIABLE"),
        ("modules: {corpus: {type: toy_modules:read, path: '${vars.x'}}\n", "cannot be composed"),
        ("modules: {corpus: {type: toy_modules:read, path: a, 1: 2}}\n", "the option 1 is no text"),
        ("modules: {t: {type: toy_modules:typed}}\n", "toy_type calls an input or option 'type'"),
        ("force: true\nmodules: {corpus: {type: toy_modules:read, path: a}}\n", "No option 'force'"),
        ("modules:\n", "modules: Input should be"),
        ("launcher: {name: local, wokers: 2}\nmodules: {corpus: {type: toy_modules:read, path: a}}\n", ""),
    ],
)
def test_files_that_make_no_sense_are_told_in_words(orepass: Command, folder: Path, text: str, message: str) -> None:
    (folder / "bad.yaml").write_text(text)
    ended = orepass("run", "bad.yaml")
    assert ended.code == 2, ended.err
    assert message in ended.err
    assert "bad.yaml" in ended.err or "wokers" in ended.err


def test_a_launcher_is_chosen_whatever_the_file_says(orepass: Command, folder: Path) -> None:
    (folder / "named.yaml").write_text("defaults: [toy, _self_]\nlauncher: {name: local, cpus: 1}\n")
    assert orepass("run", "named.yaml", "corpus", "launcher=debug").code == 0
    (folder / "short.yaml").write_text("defaults: [toy, _self_]\nlauncher: debug\n")
    assert orepass("run", "short.yaml", "both").code == 0
    assert orepass("run", "toy.yaml", "both", "launcher.cpus=1").code == 0
