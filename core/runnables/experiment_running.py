"""Runs the stages of an experiment: every variant as soon as those that it builds on are there."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from orepass.errors import ArrayError, OrepassError, StoreError
from orepass.prefect_log import was_told
from orepass.runnables.as_module import RunnableResult
from orepass.runnables.experiment_plan import Stage
from orepass.runnables.experiment_variants import (
    COMPLETE,
    DROPPED,
    FAILED,
    Variant,
    best,
    is_scored,
    meetings,
    order,
)
from orepass.runnables.json_form import to_json
from orepass.runnables.search_pruning import Pruning
from orepass.runnables.tree import Node
from orepass.runnables.walking import spaces, with_values

logger = logging.getLogger(__name__)

Supply = Callable[[Node, Mapping[str, Variant]], Mapping[str, Any]]
RunVariant = Callable[[Stage, Node, Mapping[str, Any], str, Pruning | None], Awaitable[RunnableResult]]
"""Gets a stage, its tree without search spaces, what its links mean, a label, and when it ends early."""
KeyOf = Callable[[Stage, Mapping[str, Any]], str]
_LABEL = 80


async def run_stages(stages: Sequence[Stage], supply: Supply, run: RunVariant, key_of: KeyOf) -> tuple[Variant, ...]:
    """Run all variants of all stages; those that fail take those with them that build on them, and no others.

    Args:
        stages: each after its parents.
        supply: says what the links of a tree mean; raises ConfigError where they mean nothing.
        run: runs one variant; an OrepassError means that it failed.
        key_of: what stands for all that decides what a stage's trials come to, beside the values of its search spaces;
            gets what its links mean.

    Returns:
        All variants, by stage, in the order in which they are written.

    Raises:
        StoreError: the store cannot be used.
    """
    running = _Running(stages, supply, run, key_of)
    try:
        async with asyncio.TaskGroup() as group:
            for stage in stages:
                group.create_task(running.stage(stage))
    except ExceptionGroup as errors:
        raise _first(errors) from errors
    for stage in stages:
        ranked = sorted(running.variants[stage.name], key=lambda one: (_numbers(one), one.index))
        for number, variant in enumerate(ranked):
            variant.number = number
        running.variants[stage.name] = ranked
    everything = [variant for stage in stages for variant in running.variants[stage.name]]
    for variant in everything:
        if variant.state == DROPPED:
            variant.error = "builds on " + ", ".join(
                f"{one.name}, which failed" for one in variant.ancestors.values() if one.state == FAILED
            )
    return tuple(everything)


class _Running:
    def __init__(self, stages: Sequence[Stage], supply: Supply, run: RunVariant, key_of: KeyOf) -> None:
        self.variants: dict[str, list[Variant]] = {stage.name: [] for stage in stages}
        self._supply = supply
        self._run = run
        self._key_of = key_of
        self._inboxes: dict[str, asyncio.Queue[tuple[str, Variant | None]]] = {
            stage.name: asyncio.Queue() for stage in stages
        }
        self._children: dict[str, list[str]] = defaultdict(list)
        for stage in stages:
            for parent in stage.parents:
                self._children[parent].append(stage.name)

    async def stage(self, stage: Stage) -> None:
        """Run a stage for each combination of its parents' variants, as they come."""
        seen: dict[str, list[Variant]] = {parent: [] for parent in stage.parents}
        missing = set(seen)
        async with asyncio.TaskGroup() as group:
            if not missing:
                group.create_task(self._combination(stage, {}))
            while missing:
                parent, variant = await self._inboxes[stage.name].get()
                if variant is None:
                    missing.discard(parent)
                    continue
                seen[parent].append(variant)
                others = {name: found for name, found in seen.items() if name != parent}
                for met in meetings(variant, others):
                    group.create_task(self._combination(stage, met))
        if stage.reduce is not None:
            self._reduce(stage, stage.reduce)
        for child in self._children[stage.name]:
            self._inboxes[child].put_nowait((stage.name, None))

    def _reduce(self, stage: Stage, count: int) -> None:
        found = self.variants[stage.name]
        kept = best(found, count, stage.direction)
        for variant in found:
            variant.kept = variant in kept
        # Where nothing is left, what links to the stage is dropped, and that is told.
        for variant in kept or sorted((one for one in found if one.state != COMPLETE), key=order)[:1]:
            self._release(stage, variant)

    def _add(self, stage: Stage, variant: Variant) -> None:
        self.variants[stage.name].append(variant)
        if stage.reduce is None:
            self._release(stage, variant)
        elif variant.state == COMPLETE and not is_scored(variant):
            variant.state, variant.error = (
                FAILED,
                "It has no metric to reduce by: metric() has to give a finite number.",
            )

    def _release(self, stage: Stage, variant: Variant) -> None:
        if variant.state in (COMPLETE, FAILED, DROPPED):
            for child in self._children[stage.name]:
                self._inboxes[child].put_nowait((stage.name, variant))

    async def _combination(self, stage: Stage, met: Mapping[str, Variant]) -> None:
        """All variants of a stage that build on the same ones."""
        if any(variant.state != COMPLETE for variant in met.values()):
            self._add(stage, Variant(stage.name, met, state=DROPPED))
        elif stage.search is None:
            await self._variant(stage, met, stage.tree, {}, 0)
        elif stage.search.algorithm == "grid":
            slots = asyncio.Semaphore(stage.search.parallel or 64)

            async def one(index: int, tree: Node, params: dict[str, Any]) -> None:
                async with slots:
                    await self._variant(stage, met, tree, params, index)

            async with asyncio.TaskGroup() as group:
                for index, (tree, params) in enumerate(_grid(stage.tree)):
                    group.create_task(one(index, tree, params))
        else:
            await self._searched(stage, met)

    async def _variant(
        self, stage: Stage, met: Mapping[str, Variant], tree: Node, params: Mapping[str, Any], index: int
    ) -> None:
        variant = Variant(stage.name, met, tree, params, index)
        try:
            variant.sent = await asyncio.to_thread(self._supply, tree, met)
            if stage.runs:
                variant.result = await self._run(
                    stage, tree, variant.sent, f"{stage.name} {variant.told()}"[:_LABEL].strip(), None
                )
                variant.metric = variant.result.metric
        except StoreError:
            raise
        except OrepassError as error:
            _warn(stage, error)
            variant.state, variant.error = FAILED, str(error)
        self._add(stage, variant)

    async def _searched(self, stage: Stage, met: Mapping[str, Variant]) -> None:
        """The trials of a search; the stages after it get all of them when it has ended."""
        from orepass.runnables.searching import run_search  # with Optuna, which takes a second to import

        assert stage.search is not None
        done: dict[str, tuple[Mapping[str, Any], RunnableResult]] = {}

        async def trial(tree: Node, label: str, pruning: Pruning | None) -> RunnableResult:
            sent = await asyncio.to_thread(self._supply, tree, met)
            result = await self._run(stage, tree, sent, f"{stage.name} {label}", pruning)
            done[_text(tree)] = sent, result
            return result

        try:
            key = await asyncio.to_thread(lambda: self._key_of(stage, self._supply(stage.tree, met)))
            found = await run_search(stage.tree, stage.search, trial, key=key)
        except StoreError:
            raise
        except OrepassError as error:
            _warn(stage, error)
            self._add(stage, Variant(stage.name, met, stage.tree, state=FAILED, error=_told(error)))
            return
        for one in found.trials:
            sent, result = done.get(_text(one.tree), ({}, None))
            told = one.tree, one.params, one.number, one.state, one.metric, one.error
            self._add(stage, Variant(stage.name, met, *told, sent=sent, result=result))


def _grid(tree: Node) -> Iterator[tuple[Node, dict[str, Any]]]:
    from orepass.runnables.search_choices import all_of, as_json, value_of  # they import Optuna

    found = spaces(tree)
    for values in itertools.product(*map(all_of, found.values())):
        drawn = dict(zip(found, values, strict=True))
        yield with_values(tree, {path: value_of(found[path], drawn[path]) for path in found}), as_json(found, drawn)


def _numbers(variant: Variant) -> tuple[tuple[str, int], ...]:
    return tuple((stage, ancestor.number) for stage, ancestor in sorted(variant.ancestors.items()))


def _text(tree: Node) -> str:
    return json.dumps(to_json(tree), sort_keys=True)


def _warn(stage: Stage, error: OrepassError) -> None:
    if not was_told(error):
        logger.warning("%s: a variant failed: %s", stage.name, str(error).partition("\n")[0])


def _told(error: OrepassError) -> str:
    parts = error.exceptions if isinstance(error, ArrayError) else ()
    return "\n".join([str(error), *map(str, parts)])


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup) and not isinstance(found, ArrayError):
        found = found.exceptions[0]
    return found
