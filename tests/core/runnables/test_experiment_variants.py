from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orepass.errors import StepError
from orepass.runnables.as_module import RunnableResult
from orepass.runnables.experiment_plan import Stage
from orepass.runnables.experiment_running import run_stages
from orepass.runnables.experiment_variants import Variant
from orepass.runnables.search_options import SearchOptions
from orepass.runnables.search_spaces import Grid
from orepass.runnables.tree import Call, Fields, Node

Choice = tuple[tuple[str, int], ...]
"""A variant: which one of a stage's own it is, and of each stage that it builds on; by stage."""


def stage(name: str, parents: Sequence[str] = (), size: int = 1, reduce: int | None = None) -> Stage:
    tree = Call("toys.Toy", Fields({"x": Grid(tuple(range(size)))}))
    return Stage(name, tree, tuple(parents), reduce=reduce, search=SearchOptions())


def quality(choice: Mapping[str, int]) -> float:
    """A metric that no two variants share."""
    return random.Random(repr(sorted(choice.items()))).random()


async def ended(stages: Sequence[Stage], broken: Choice | None = None) -> tuple[Variant, ...]:
    def supply(tree: Node, met: Mapping[str, Variant]) -> Mapping[str, Any]:
        return {name: variant.params["x"] for name, variant in met.items()}

    async def run(stage: Stage, tree: Node, sent: Mapping[str, Any], label: str, pruning: object) -> RunnableResult:
        assert isinstance(tree, Call)
        choice = {**sent, stage.name: tree.arguments["x"]}
        for _ in range(random.Random(label).randrange(4)):  # so that they end in another order than they begin
            await asyncio.sleep(0)
        if tuple(sorted(choice.items())) == broken:
            raise StepError("broken")
        return RunnableResult(Path(), 1, quality(choice))

    return await run_stages(stages, supply, run, lambda stage, sent: "")


def run(stages: Sequence[Stage], broken: Choice | None = None) -> tuple[Variant, ...]:
    return asyncio.run(ended(stages, broken))


def choice_of(variant: Variant) -> Choice:
    return tuple(sorted((name, one.index) for name, one in variant.closure.items()))


def by_definition(stages: Sequence[Stage]) -> dict[str, list[Choice]]:
    """All variants: one of each stage that is built on, however far away, such that each parent's part was kept."""
    closures: dict[str, set[str]] = {}
    found: dict[str, list[Choice]] = {}
    kept: dict[str, set[Choice]] = {}
    for one in stages:
        closures[one.name] = {one.name}.union(*(closures[parent] for parent in one.parents))
        names = sorted(closures[one.name])
        sizes = {s.name: len(s.tree.arguments["x"].values) for s in stages}  # type: ignore[union-attr]
        found[one.name] = []
        for numbers in itertools.product(*(range(sizes[name]) for name in names)):
            choice = dict(zip(names, numbers, strict=True))
            parts = {parent: tuple((name, choice[name]) for name in sorted(closures[parent])) for parent in one.parents}
            if all(part in kept[parent] for parent, part in parts.items()):
                found[one.name].append(tuple(sorted(choice.items())))
        ranked = sorted(found[one.name], key=lambda choice: -quality(dict(choice)))
        kept[one.name] = set(ranked[: one.reduce])
    return found


@st.composite
def graphs(draw: st.DrawFn) -> list[Stage]:
    stages: list[Stage] = []
    for name in "abcde"[: draw(st.integers(1, 5))]:
        parents = draw(st.lists(st.sampled_from(stages), unique_by=lambda s: s.name, max_size=3)) if stages else []
        reduce = draw(st.one_of(st.none(), st.integers(1, 3)))
        stages.append(stage(name, [parent.name for parent in parents], draw(st.integers(1, 3)), reduce))
    return stages


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_variants_multiply_but_never_across_a_shared_ancestor(stages: list[Stage]) -> None:
    variants = run(stages)
    expected = by_definition(stages)
    for one in stages:
        found = [choice_of(variant) for variant in variants if variant.stage == one.name]
        assert found == sorted(expected[one.name])
        assert [variant.number for variant in variants if variant.stage == one.name] == list(range(len(found)))


def test_three_times_two_times_two_is_twelve() -> None:
    chain = [stage("a", size=3), stage("b", ["a"], 2), stage("c", ["b"], 2)]
    assert [sum(v.stage == name for v in run(chain)) for name in "abc"] == [3, 6, 12]


def test_a_variant_begins_as_soon_as_what_it_builds_on_is_there() -> None:
    async def check() -> None:
        began = asyncio.Event()

        async def run(stage: Stage, tree: Node, sent: Mapping[str, Any], label: str, pruning: object) -> RunnableResult:
            if stage.name == "b":
                began.set()
            elif label == "a x=1":
                await asyncio.wait_for(began.wait(), 30)  # for ever, if b were to wait for all of a
            return RunnableResult(Path(), 1, None)

        variants = await run_stages([stage("a", size=2), stage("b", ["a"])], lambda *_: {}, run, lambda *_: "")
        assert {variant.state for variant in variants} == {"complete"}

    asyncio.run(check())


def test_what_fails_takes_only_those_with_it_that_build_on_it() -> None:
    chain = [stage("a", size=3), stage("b", ["a"], 2), stage("c", ["b", "a"], 2)]
    variants = run(chain, (("a", 1), ("b", 0)))
    states = {name: [v.state for v in variants if v.stage == name] for name in "abc"}
    assert states["a"] == ["complete"] * 3
    assert states["b"] == ["complete", "complete", "failed", *["complete"] * 3]
    assert states["c"] == [*["complete"] * 4, "dropped", *["complete"] * 6]
    (dropped,) = (v for v in variants if v.state == "dropped")
    assert dropped.error == "builds on b-2, which failed"


def test_reduce_leaves_failed_ones_out_and_tells_if_nothing_is_left() -> None:
    stages = [stage("a", size=2, reduce=1), stage("b", ["a"])]
    a, b, c = run(stages, (("a", 0),))
    assert (a.state, b.state, b.kept, c.state, c.ancestors["a"]) == ("failed", "complete", True, "complete", b)
    stages = [stage("a", size=1, reduce=1), stage("b", ["a"])]
    assert [v.state for v in run(stages, (("a", 0),))] == ["failed", "dropped"]


def test_what_is_told_of_a_variant_has_no_more_digits_than_one_can_read() -> None:
    data = Variant("data", {}, params={"lang": "fr"})
    variant = Variant("train", {"data": data}, params={"lr": 0.38075540576786326, "size": 3})
    assert variant.told() == 'lr=0.380755, size=3, data[lang]="fr"'
