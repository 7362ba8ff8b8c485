from __future__ import annotations

from orepass.runnables.experiment_graph import graph_of
from orepass.runnables.experiment_plan import Stage
from orepass.runnables.experiment_result import ExperimentResult
from orepass.runnables.experiment_variants import DROPPED, FAILED, Variant


def result(trains: int) -> ExperimentResult:
    """One variant of `data`, some of `train`, of which one failed and one is left out, and a test of each other."""
    data = Variant("data", params={"lang": '"<x>"'})
    variants = [data]
    for number in range(trains):
        variant = Variant("train", {"data": data}, params={"lr": number}, number=number, metric=number / 2)
        variants.append(variant)
    variants[1].state, variants[1].metric, variants[1].error = FAILED, None, "no memory\nat all"
    variants[2].kept = False
    for number, train in enumerate([variants[1], *variants[3:]]):
        state = DROPPED if train.state == FAILED else "complete"
        variants.append(Variant("test", {"data": data, "train": train}, number=number, state=state))
    stages = (Stage("data", None, runs=False), Stage("train", None, ("data",)), Stage("test", None, ("data", "train")))
    return ExperimentResult(stages, tuple(variants))


def test_a_node_for_each_variant() -> None:
    nodes = graph_of(result(3))
    assert {name: node.lines[1:] for name, node in nodes.items()} == {
        "data-0": ('lang="\\"<x>\\""', "not run"),
        "train-0": ("lr=0", "failed"),
        "train-1": ("lr=1", "left out 0.5"),
        "train-2": ("lr=2", "1"),
        "test-0": ("dropped",),
        "test-1": ("complete",),
    }
    assert nodes["test-1"].upstream == ("data-0", "train-2")
    assert "no memory\nat all" in nodes["train-0"].about
    assert len({node.colour for node in nodes.values()}) == 5


def test_a_stage_with_many_is_one_node() -> None:
    nodes = graph_of(result(40))
    assert list(nodes) == ["data-0", "all train", "all test"]
    assert nodes["all train"].lines == ("train", "39 complete, 1 failed", "best 19.5 (train-39)")
    assert nodes["all test"].upstream == ("data-0", "all train")
    assert nodes["all train"].colour == graph_of(result(3))["train-0"].colour
