"""An experiment as a graph: a box for each variant, or one for all of a stage that has many."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from orepass.drawing import Box
from orepass.runnables.experiment_plan import Stage
from orepass.runnables.experiment_result import ExperimentResult
from orepass.runnables.experiment_variants import COMPLETE, DROPPED, FAILED, PRUNED, Variant

_SHOWN = 16  # variants of a stage; in a picture of more, none can be read
_LETTERS = 28
_LEFT_OUT, _NOT_RUN = "left out", "not run"
_COLOURS = {
    COMPLETE: "#cdeccf",
    _LEFT_OUT: "#eef7ef",
    _NOT_RUN: "#ffffff",
    PRUNED: "#eceff1",
    DROPPED: "#cfd8dc",
    FAILED: "#ffd3d0",
}


def graph_of(result: ExperimentResult) -> dict[str, Box]:
    """The boxes of an experiment by name, each after those that it builds on."""
    boxes: dict[str, Box] = {}
    names: dict[str, list[str]] = {}
    for stage in result.stages:
        found = result.of(stage.name)
        if 0 < len(found) <= _SHOWN:
            own = {one.name: _variant(one, stage, names) for one in found}
        else:
            own = {f"all {stage.name}": _stage(result, stage, names)}  # no variant has such a name
        boxes |= own
        names[stage.name] = list(own)
    return boxes


def _variant(variant: Variant, stage: Stage, names: Mapping[str, list[str]]) -> Box:
    state = variant.state
    if state == COMPLETE:
        state = _NOT_RUN if not stage.runs else COMPLETE if variant.kept else _LEFT_OUT
    metric = "" if variant.metric is None else f"{variant.metric:g}"
    end = metric if metric and state == COMPLETE else f"{state} {metric}".strip()
    own = ", ".join(f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in variant.params.items())
    lines = (variant.name, *([_cut(own)] if own else []), end)
    about = "\n".join(filter(None, (f"{variant.name}: {end}", variant.told(), variant.error)))
    upstream = (_of(variant.ancestors[parent], names) for parent in stage.parents if parent in variant.ancestors)
    return Box(lines, about, _COLOURS[state], tuple(upstream))


def _stage(result: ExperimentResult, stage: Stage, names: Mapping[str, list[str]]) -> Box:
    found = result.of(stage.name)
    ranked = result.ranked(stage.name)
    best = [f"best {ranked[0].metric:g} ({ranked[0].name})"] if ranked else []
    states = {variant.state for variant in found}
    state = next((one for one in (FAILED, COMPLETE, PRUNED, DROPPED) if one in states), _NOT_RUN)
    colour = _COLOURS[state if stage.runs else _NOT_RUN]
    upstream = dict.fromkeys(_upstream(found, stage, names))
    return Box((stage.name, result.counts(stage), *best), result.line(stage), colour, tuple(upstream))


def _upstream(found: list[Variant], stage: Stage, names: Mapping[str, list[str]]) -> Iterator[str]:
    for parent in stage.parents:
        if not found:
            yield from names[parent]
        yield from (_of(variant.ancestors[parent], names) for variant in found)


def _of(variant: Variant, names: Mapping[str, list[str]]) -> str:
    found = names[variant.stage]
    return variant.name if variant.name in found else found[0]


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"
