"""Toy pipelines that run: what is done, ready, waiting or failed, what a name means, and what forcing does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import toy_modules as toy
from prefect import flow

from orepass import Store
from orepass.claims import Claim, try_claim
from orepass.errors import ArrayError, ConfigError, NotReadyError, StepError
from orepass.pipelines import (
    InternalModuleConnection,
    ModuleInputConnection,
    ModuleOutputConnection,
    ModuleStage,
    adapter,
    multistage_module,
)
from orepass.pipelines.document import Pipeline, read_pipeline
from orepass.pipelines.forcing import forget
from orepass.pipelines.graph import Link, Node, Source, in_order, needed_by
from orepass.pipelines.running import run_nodes
from orepass.pipelines.selection import Kind, choose, find_target, foresee
from orepass.pipelines.states import State, survey

OUT = ModuleOutputConnection
model = multistage_module(
    "model",
    [
        ModuleStage("stage1", toy.first, [ModuleInputConnection("raw_data")], [OUT("corpus")]),
        ModuleStage("stage2", toy.second, [ModuleInputConnection("data", "raw_data")], [OUT("text")]),
        ModuleStage("stage3", toy.second, [InternalModuleConnection("data", stage="stage1")]),
    ],
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("good morning\nnews\n")
    return path


def pipeline(corpus: Path, **options: Any) -> Pipeline:
    return read_pipeline(
        {
            "corpus": {"type": "toy_modules:read", "path": str(corpus)},
            "train": {"type": f"{__name__}:model", "input_raw_data": "corpus", "stage1_threshold": 5, **options},
            "lines": {"type": "toy_modules:lines_of", "input_corpus": "train.corpus"},
            "loud": {"type": "toy_modules:shout", "input_element": "lines"},
            "joined": {"type": "toy_modules:join", "input_lines": "loud.line"},
        }
    )


def states(found: Pipeline, store: Store) -> dict[str, str]:
    return {name: one.state.value for name, one in survey(found.nodes, store).standings.items()}


def run(found: Pipeline, store: Store, *names: str) -> dict[str, Any]:
    """What `orepass run` does, without a flow."""
    if not names:
        return asyncio.run(run_nodes(found.nodes, found.nodes))
    for name in names:
        chosen = choose(find_target(found, name), survey(found.nodes, store).standings)
        asyncio.run(run_nodes(needed_by(found.nodes, chosen), found.nodes))
    return survey(found.nodes, store).values


def test_everything_runs_in_order_and_then_is_done(corpus: Path, store: Store) -> None:
    found = pipeline(corpus)
    assert states(found, store)["corpus"] == "ready"
    assert states(found, store)["joined"] == "waiting"
    assert run(found, store)["joined"] == "GOOD MORNING"
    assert set(states(found, store).values()) == {"done"}


def test_a_module_with_stages_runs_one_stage_at_a_time(corpus: Path, store: Store) -> None:
    found = pipeline(corpus)
    with pytest.raises(NotReadyError, match=r"(?s)train:stage1 waits for corpus\n.*Run first: corpus;") as error:
        run(found, store, "train")
    assert "train:stage3 waits for train:stage1" in str(error.value)
    run(found, store, "corpus", "train")
    assert [states(found, store)[f"train:stage{n}"] for n in (1, 2, 3)] == ["done", "ready", "ready"]
    run(found, store, "train")
    assert [states(found, store)[f"train:stage{n}"] for n in (1, 2, 3)] == ["done", "done", "ready"]
    run(found, store, "train", "train")
    assert choose(find_target(found, "train"), survey(found.nodes, store).standings) == []


def test_stages_that_do_not_depend_on_one_another_run_in_any_order(corpus: Path, store: Store) -> None:
    found = pipeline(corpus)
    run(found, store, "corpus", "train:stage2")
    assert [states(found, store)[f"train:stage{n}"] for n in (1, 2, 3)] == ["ready", "done", "waiting"]
    with pytest.raises(NotReadyError, match="train:stage3 waits for train:stage1"):
        run(found, store, "train:stage3")


@pytest.mark.parametrize("word", ["all", "*"])
def test_all_stages_run_at_once(corpus: Path, store: Store, word: str) -> None:
    found = pipeline(corpus)
    with pytest.raises(NotReadyError, match="train:stage1 waits for corpus"):
        run(found, store, f"train:{word}")
    run(found, store, "corpus", f"train:{word}")
    assert {state for name, state in states(found, store).items() if name.startswith("train")} == {"done"}


def test_what_names_would_run_is_foreseen(corpus: Path, store: Store) -> None:
    found = pipeline(corpus)

    def foreseen(*names: str) -> list[str]:
        return foresee([find_target(found, name) for name in names], survey(found.nodes, store).standings)

    assert foreseen("corpus", "train", "train") == ["corpus", "train:stage1", "train:stage2"]
    assert foreseen("corpus", "train:all", "loud") == ["corpus", "train:stage1", "train:stage2", "train:stage3", "loud"]
    with pytest.raises(NotReadyError, match="train:stage1 waits for corpus"):
        foreseen("train:all", "corpus")
    run(found, store)
    assert foreseen("train", "loud") == []


def test_names_that_mean_nothing_are_refused(corpus: Path) -> None:
    found = pipeline(corpus)
    assert find_target(found, "train:?").kind is Kind.LIST
    for name, message in {
        "trian": "no module 'trian' in this pipeline. Did you mean 'train'",
        "train:stage4": "'train' has no stage 'stage4'. Did you mean",
        "corpus:stage1": "'corpus' has no stages",
        "train:all:stage1": "has no stage 'all'",
    }.items():
        with pytest.raises(ConfigError, match=message):
            find_target(found, name)


def test_a_stage_that_fails_costs_nothing_of_those_before_it(corpus: Path, store: Store) -> None:
    found = pipeline(corpus, stage3_cutoff=13)
    with pytest.raises(StepError, match="13 is unlucky"):
        run(found, store)
    standing = survey(found.nodes, store).standings
    assert standing["train:stage1"].done
    assert standing["train:stage3"].state is State.FAILED
    assert standing["train:stage3"].problem == "ValueError: 13 is unlucky"
    fixed = pipeline(corpus, stage3_cutoff=12)
    assert states(fixed, store)["train:stage3"] == "ready"
    run(fixed, store)
    assert set(states(fixed, store).values()) == {"done"}


@pytest.mark.parametrize("keep_going", [False, True])
def test_after_a_failure_what_does_not_need_it_goes_on_if_it_shall(keep_going: bool) -> None:
    ran: list[str] = []

    def node(name: str, before: str | None = None) -> Node:
        def function(before: Any = None) -> str:
            ran.append(name)
            if name == "bad":
                raise ConfigError("bad")
            return name

        links = {"before": Link((Source(before, "result"),))} if before else {}
        return Node(name, adapter(function), links)

    nodes = in_order([node("corpus"), node("bad", "corpus"), node("worse", "bad"), node("late", "corpus")])
    with pytest.raises(ConfigError, match="bad"):
        asyncio.run(run_nodes(nodes, nodes, keep_going=keep_going))
    assert ran == ["corpus", "bad", "late"][: 3 if keep_going else 2]


def test_failures_of_several_modules_are_told_together(corpus: Path, store: Store) -> None:
    found = read_pipeline(
        {
            "corpus": {"type": "toy_modules:read", "path": str(corpus)},
            **{name: {"type": "toy_modules:second", "input_data": "corpus", "cutoff": 13} for name in ("a", "b")},
        }
    )
    with pytest.raises(ArrayError, match="2 steps failed"):
        asyncio.run(run_nodes(found.nodes, found.nodes, keep_going=True))


def test_what_depends_on_a_change_is_not_done(corpus: Path, store: Store) -> None:
    run(pipeline(corpus), store)
    changed = states(pipeline(corpus, stage1_threshold=3), store)
    assert (changed["train:stage1"], changed["train:stage2"], changed["loud"]) == ("ready", "done", "waiting")
    corpus.write_text("rewritten in place\n")
    assert states(pipeline(corpus), store)["corpus"] == "ready"
    assert states(pipeline(corpus), store)["joined"] == "waiting"


def test_what_depends_on_a_forced_module_is_not_done(corpus: Path, store: Store) -> None:
    found = pipeline(corpus)
    run(found, store)
    forget(found, ["train:stage1"], store)
    now = states(found, store)
    assert [now[name] for name in ("corpus", "train:stage1", "train:stage2", "train:stage3", "joined")] == [
        "done",
        "ready",
        "done",
        "waiting",
        "waiting",
    ]
    run(found, store, "train:stage1")  # gives the same as before
    now = states(found, store)
    assert [now[name] for name in ("train:stage1", "train:stage3", "loud", "joined")] == [
        "done",
        "ready",
        "ready",
        "waiting",
    ]


def test_a_result_computed_alone_is_the_same_inside(corpus: Path, store: Store) -> None:
    async def alone() -> toy.First:
        read = await toy.read.schedule({"path": corpus})
        return await toy.first.schedule({"raw_data": read, "threshold": 6})

    asyncio.run(alone())
    assert states(pipeline(corpus, stage1_threshold=6), store)["train:stage1"] == "done"


def test_what_another_run_computes_is_running(corpus: Path, store: Store) -> None:
    found = pipeline(corpus)
    step = survey(found.nodes, store).standings["corpus"].steps[0]
    claim = try_claim(step.entry.claim)
    assert isinstance(claim, Claim)
    try:
        standing = survey(found.nodes, store).standings["corpus"]
        assert standing.state is State.RUNNING
        assert "process" in str(standing.owners[0])
    finally:
        claim.release()
    assert states(found, store)["corpus"] == "ready"


def test_looking_changes_nothing(corpus: Path, store: Store) -> None:
    found = pipeline(corpus)
    run(found, store, "corpus")
    entry = survey(found.nodes, store).standings["corpus"].steps[0].entry
    damaged = entry.folder / "text.txt"
    damaged.chmod(0o644)
    damaged.write_text("shorter")
    assert states(found, store)["corpus"] == "ready"
    assert damaged.read_text() == "shorter"


def test_a_multistage_module_is_scheduled_like_any_other(corpus: Path, store: Store) -> None:
    async def scheduled() -> Any:
        read = await toy.read.schedule({"path": corpus})
        return await model.schedule({"raw_data": read, "stage2_cutoff": 2}, label="train")

    outputs = asyncio.run(scheduled())
    assert outputs["text"].read_text() == "go\nne\n"
    assert isinstance(outputs["corpus"], toy.Corpus)
    assert states(pipeline(corpus, stage2_cutoff=2), store)["train:stage2"] == "done"
    with pytest.raises(ConfigError, match=r"no option 'stage2_cutof' in model. Did you mean 'stage2_cutoff'"):
        asyncio.run(model.schedule({"stage2_cutof": 1}))
    with pytest.raises(ConfigError, match="'raw_data' of model is required"):
        asyncio.run(model.schedule({}))


def test_a_multistage_module_is_called_and_submitted_like_any_other(corpus: Path, store: Store, api: str) -> None:
    raw = {"text": corpus}
    plain = model({"raw_data": raw, "stage2_cutoff": 2})
    assert plain["text"].read_text() == "go\nne\n"
    assert store.modules() == []

    @flow
    def submitting() -> list[Any]:
        first = model.submit({"raw_data": raw, "stage2_cutoff": 2}).result()
        others = model.map([{"raw_data": raw, "stage2_cutoff": cutoff} for cutoff in (2, 3)]).result()
        return [outputs["text"].read_text() for outputs in (first, *others)]

    assert submitting() == ["go\nne\n", "go\nne\n", "goo\nnew\n"]
    # Stage 3 cuts what stage 2 cuts, so with the same cutoff both are the same result.
    assert len([*store.records("toy_second")]) == 2
