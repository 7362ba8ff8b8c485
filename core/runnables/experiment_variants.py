"""Variants of stages, and which of them meet: they multiply along the graph, but never across a shared ancestor."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orepass.runnables.as_module import RunnableResult
from orepass.runnables.tree import Node

COMPLETE, FAILED, PRUNED, DROPPED = "complete", "failed", "pruned", "dropped"


@dataclass(eq=False)
class Variant:
    """One variant of a stage: values of its search spaces, and a variant of each stage that it builds on.

    Attributes:
        stage: the name of the stage.
        ancestors: the variants that it builds on, by stage, however far away.
        tree: what is built, without search spaces.
        params: the values of its own search spaces by path, as JSON.
        index: its place among those with the same ancestors.
        state: `complete`; `failed`; `pruned`, if its search did not give it all of the budget; or `dropped`, because
            something that it builds on has failed.
        metric: what it came to; None if it has none.
        error: why it failed or was dropped.
        kept: whether stages that link to it take it; False if `reduce` left it out.
        sent: what its links mean, as `supplied` gives it.
        result: of its run; None if it was not run.
        number: from 0, among the variants of its stage; given in the end.
    """

    stage: str
    ancestors: Mapping[str, Variant] = field(default_factory=dict)
    tree: Node = None
    params: Mapping[str, Any] = field(default_factory=dict)
    index: int = 0
    state: str = COMPLETE
    metric: float | None = None
    error: str | None = None
    kept: bool = True
    sent: Mapping[str, Any] = field(default_factory=dict)
    result: RunnableResult | None = None
    number: int = 0

    @property
    def closure(self) -> dict[str, Variant]:
        """Itself and its ancestors, by stage."""
        return {**self.ancestors, self.stage: self}

    @property
    def name(self) -> str:
        """The stage and the number."""
        return f"{self.stage}-{self.number}"

    def told(self) -> str:
        """Its own values, and those of what it builds on; numbers to six digits."""
        params = dict(self.params)
        for stage, one in self.ancestors.items():
            params |= {f"{stage}[{path}]": value for path, value in one.params.items()}
        return ", ".join(
            f"{path}={f'{value:g}' if isinstance(value, float) else json.dumps(value)}"
            for path, value in params.items()
        )


def meetings(new: Variant, others: Mapping[str, Sequence[Variant]]) -> Iterator[dict[str, Variant]]:
    """The combinations of a variant with those of other stages that agree on every stage that they share.

    Args:
        new: a variant of one of the parents of a stage.
        others: the variants of each of the other parents.

    Yields:
        The variants of all parents and of their ancestors, by stage.
    """
    for members in itertools.product(*others.values()):
        met: dict[str, Variant] = dict(new.closure)
        if all(_joined(met, member) for member in members):
            yield met


def _joined(met: dict[str, Variant], member: Variant) -> bool:
    closure = member.closure
    if any(met.get(stage, variant) is not variant for stage, variant in closure.items()):
        return False
    met.update(closure)
    return True


def best(variants: Sequence[Variant], count: int, direction: str) -> list[Variant]:
    """The best of those that are complete and have a metric; of equal ones, the one that was written first."""
    sign = -1.0 if direction == "maximize" else 1.0
    scored = [(sign * variant.metric, variant) for variant in variants if is_scored(variant)]  # type: ignore[operator]
    return [variant for _, variant in sorted(scored, key=lambda pair: (pair[0], order(pair[1])))[:count]]


def is_scored(variant: Variant) -> bool:
    """Whether a variant is complete and has a metric that is a finite number."""
    return variant.state == COMPLETE and variant.metric is not None and math.isfinite(variant.metric)


def order(variant: Variant) -> tuple[Any, ...]:
    """What variants of a stage are sorted by: how they are written, whatever the order in which they ended."""
    return (*((stage, ancestor.index) for stage, ancestor in sorted(variant.ancestors.items())), variant.index)
