"""How a search goes about it, and whether it can."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from orepass.config import Config
from orepass.errors import ConfigError, did_you_mean
from orepass.runnables.search_spaces import Integers, LogUniform, Space, Uniform
from orepass.runnables.tree import Call, Fields, Node, refusal
from orepass.runnables.walking import spaces, with_values

PARALLEL: Mapping[str, int] = {"grid": 64, "random": 64, "tpe": 4, "halving": 8, "hyperband": 8}
"""The algorithms, and how many trials go on at once if nothing else is said. More of them wait for the launcher."""

_DIRECTIONS = ("maximize", "minimize")


@dataclass(frozen=True)
class Budget(Config):
    """What trials get more of, the better they are.

    Attributes:
        argument: the argument that says how much, from the object that is searched over: `epochs`, `kwargs.epochs`.
            Without it trials get more steps: calls of `run`.
        max: the most that a trial gets; of steps, about how many it has.
        min: the least.
        factor: how many times more a trial gets at the next rung, to which about one of so many comes.
    """

    argument: str | None = None
    max: int = field(kw_only=True)
    min: int = 1
    factor: int = 3

    def __post_init__(self) -> None:
        if self.factor < 2:
            raise ConfigError(f"budget.factor is {self.factor}. Give 2 or more.")
        if not 1 <= self.min < self.max:
            raise ConfigError(f"budget: min is {self.min}, max is {self.max}. Give 1 <= min < max.")

    @property
    def rungs(self) -> tuple[int, ...]:
        """How much a trial has had at each rung; the last is `max`."""
        powers = (self.min * self.factor**power for power in itertools.count())
        return (*itertools.takewhile(lambda amount: amount < self.max, powers), self.max)

    def given(self, tree: Node, amount: int) -> Node:
        """The tree with an amount for the argument, if there is one.

        Raises:
            ConfigError: there is no such argument.
        """
        if self.argument is None:
            return tree
        return _with_argument(tree, self.argument.split("."), amount, self.argument)


@dataclass(frozen=True)
class SearchOptions(Config):
    """How a search goes about it.

    Attributes:
        algorithm: `grid` (all combinations), `random`, `tpe` (Bergstra et al., 2011), `halving` (successive halving as
            in Li et al., 2020) or `hyperband` (Li et al., 2018).
        trials: how many; not for `grid`, which tries all.
        parallel: how many at once; `PARALLEL`, if not given.
        seed: of what is drawn.
        direction: whether the metric is to be large (`maximize`) or small (`minimize`).
        budget: for `halving` and `hyperband`.
    """

    algorithm: str = "grid"
    trials: int | None = None
    parallel: int | None = None
    seed: int = 0
    direction: str = "maximize"
    budget: Budget | None = None

    def __post_init__(self) -> None:
        if self.algorithm not in PARALLEL:
            raise ConfigError(f"There is no algorithm {self.algorithm!r}. {did_you_mean(self.algorithm, PARALLEL)}")
        if self.direction not in _DIRECTIONS:
            raise ConfigError(f"There is no direction {self.direction!r}. {did_you_mean(self.direction, _DIRECTIONS)}")
        if self.algorithm == "grid" and self.trials is not None:
            raise ConfigError("algorithm=grid tries all combinations. Leave out trials, or give algorithm=random.")
        if self.algorithm != "grid" and self.trials is None:
            raise ConfigError(f"algorithm={self.algorithm} has to know when to end. Give the number of trials.")
        for name in ("trials", "parallel"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}. Give 1 or more.")
        if self.by_budget and self.budget is None:
            raise ConfigError(
                f"algorithm={self.algorithm} has to know what trials get more of: "
                "budget: {argument: epochs, min: 1, max: 27, factor: 3}; or without argument, for calls of run()."
            )
        if self.budget is not None and not self.by_budget:
            raise ConfigError(f"A budget is for halving and hyperband, not for {self.algorithm}. Leave it out.")

    @property
    def by_budget(self) -> bool:
        """Whether trials begin with little, and the better ones get more."""
        return self.algorithm in ("halving", "hyperband")


def check_search(tree: Node, options: SearchOptions) -> dict[str, Space]:
    """The search spaces of a tree.

    Raises:
        ConfigError: there are none, or this search cannot be made over them.
    """
    found = spaces(tree)
    if not found:
        raise ConfigError(
            "There is nothing to search over: no argument is a search space. Write one in the place of a value, such "
            "as !grid [1, 2] or !uniform [0, 1]."
        )
    if options.algorithm == "grid":
        for path, space in found.items():
            endless = isinstance(space, LogUniform) or (isinstance(space, Uniform) and space.step is None)
            if endless or (isinstance(space, Integers) and space.log):
                raise refusal(
                    space.place,
                    f"!{space.tag} at {path!r} has no end of values for a grid. Write !grid [...] or a step, or give "
                    "algorithm: random or tpe, and trials.",
                )
    if options.budget is not None:
        if options.budget.argument is None and isinstance(tree, Call) and tree.target == "Script":
            raise refusal(
                tree.place,
                "A Script is one step, so it cannot be ended between steps. Give budget.argument: what says how "
                "much it is to do, such as kwargs.epochs.",
            )
        if options.budget.argument in found:
            space = found[options.budget.argument]
            raise refusal(space.place, f"{options.budget.argument!r} is the budget, so it cannot be searched over.")
        options.budget.given(with_values(tree, {}), options.budget.min)
    return found


def _with_argument(node: Node, path: list[str], value: int, whole: str) -> Node:
    if not isinstance(node, (Call, Fields)):
        raise ConfigError(f"budget.argument is {whole!r}, but there are no arguments at {path[0]!r}.")
    names = node.arguments if isinstance(node, Call) else node
    first, rest = path[0], path[1:]
    if rest and first not in names:
        raise ConfigError(f"budget.argument is {whole!r}, but there is no {first!r}. {did_you_mean(first, names)}")
    changed = {**names, first: _with_argument(names[first], rest, value, whole) if rest else value}
    if isinstance(node, Fields):
        return Fields(changed, node.places)
    return Call(node.target, Fields(changed, node.places), node.positional, node.partial, place=node.place)
