"""Search spaces in Optuna's words, and its choices as values of a tree.

Optuna's choices are scalars, ours may be anything: so to Optuna a choice is the JSON text of its value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from orepass.runnables.json_form import to_json
from orepass.runnables.search_spaces import Choice, Grid, Integers, LogUniform, Space, Uniform
from orepass.runnables.tree import Node


def distribution(space: Space) -> BaseDistribution:
    """What Optuna is to draw from."""
    if isinstance(space, (Grid, Choice)):
        return CategoricalDistribution(list(_by_text(space)))
    if isinstance(space, Integers):
        return IntDistribution(space.low, _last(space), log=space.log, step=space.step)
    if isinstance(space, LogUniform):
        return FloatDistribution(space.low, space.high, log=True)
    assert isinstance(space, Uniform)
    high = space.high if space.step is None else space.low + _steps(space, space.step) * space.step
    return FloatDistribution(space.low, high, step=space.step)


def suggest(trial: Trial, path: str, of: BaseDistribution) -> Any:
    """Have Optuna draw a value."""
    if isinstance(of, CategoricalDistribution):
        return trial.suggest_categorical(path, of.choices)
    if isinstance(of, IntDistribution):
        return trial.suggest_int(path, of.low, of.high, step=of.step, log=of.log)
    assert isinstance(of, FloatDistribution)
    return trial.suggest_float(path, of.low, of.high, step=of.step, log=of.log)


def all_of(space: Space) -> Sequence[Any]:
    """All that Optuna could draw, of a space that has an end."""
    if isinstance(space, (Grid, Choice)):
        return list(_by_text(space))
    if isinstance(space, Integers):
        return range(space.low, _last(space) + 1, space.step)
    assert isinstance(space, Uniform) and space.step is not None
    return [space.low + number * space.step for number in range(_steps(space, space.step) + 1)]


def value_of(space: Space, drawn: Any) -> Node:
    """The value that was drawn."""
    return _by_text(space)[drawn] if isinstance(space, (Grid, Choice)) else drawn


def drawn_as(space: Space, value: Any) -> Any:
    """The other way: what Optuna calls a value that is given in its JSON form."""
    return _text(value) if isinstance(space, (Grid, Choice)) else value


def as_json(found: Mapping[str, Space], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """What was drawn, as JSON values by path."""
    return {path: to_json(value_of(found[path], drawn[path])) for path in found}


def _by_text(space: Grid | Choice) -> dict[str, Node]:
    return {_text(to_json(value)): value for value in space.values}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _last(space: Integers) -> int:
    return space.low + (space.high - space.low) // space.step * space.step


def _steps(space: Uniform, step: float) -> int:
    return math.floor((space.high - space.low) / step + 1e-9)
