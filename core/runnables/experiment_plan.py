"""The stages of an experiment, in an order in which they can run, and all that can be checked before they do."""

from __future__ import annotations

import graphlib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from orepass.config import load
from orepass.errors import ConfigError, did_you_mean
from orepass.requirements import Requirements
from orepass.runnables.building import check_calls
from orepass.runnables.json_form import to_json
from orepass.runnables.link import Link
from orepass.runnables.names import find
from orepass.runnables.search_options import SearchOptions, check_search
from orepass.runnables.tree import Call, Fields, Node, Place, freeze, refusal
from orepass.runnables.walking import links, node_or_link, spaces

T = TypeVar("T")
DIRECTIONS = ("maximize", "minimize")


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: what it is called.
        tree: what is built, with its search spaces and links.
        parents: the stages that it links to.
        runs: whether it is run; else it is only there for others to link to.
        reduce: how many of its variants are kept; None for all.
        search: how the values of its search spaces are chosen; None if it has none.
        direction: whether its metric is to be large (`maximize`) or small (`minimize`).
        requires: what a run needs; None for what the experiment gives to all.
    """

    name: str
    tree: Node
    parents: tuple[str, ...] = ()
    runs: bool = True
    reduce: int | None = None
    search: SearchOptions | None = None
    direction: str = "maximize"
    requires: Requirements | None = None


def plan(
    pipeline: Fields,
    reduce: Fields,
    algorithm: Fields,
    requires: Fields,
    direction: Node,
    modules: Collection[str],
) -> tuple[Stage, ...]:
    """The stages, each after those that it links to.

    Raises:
        ConfigError: something of it cannot work; says where it is written, as far as that is known.
    """
    if not pipeline:
        raise ConfigError("The experiment has no stages. Write pipeline: {NAME: !RUNNABLE {...}}.")
    for about, given in (("reduce", reduce), ("algorithm", algorithm), ("requires", requires)):
        _check_stages(about, given, pipeline)
    stages = [_stage(name, pipeline, modules) for name in pipeline]
    _check_order({stage.name: stage for stage in stages})
    several: set[str] = set()
    planned = []
    for stage in stages:
        if spaces(stage.tree) or several & set(stage.parents):
            several.add(stage.name)
        way = _direction(stage.name, direction, pipeline)
        stage = replace(
            stage,
            search=_search(stage, algorithm, way),
            reduce=_kept(stage, reduce, stage.name in several),
            direction=way,
            requires=_loaded(Requirements, "requires", requires, stage.name),
        )
        planned.append(replace(stage, direction=stage.search.direction) if stage.search else stage)
    return tuple(planned)


def _stage(name: str, pipeline: Fields, modules: Collection[str]) -> Stage:
    place, tree = pipeline.places.get(name), pipeline[name]
    try:
        Link(name)
    except ConfigError as error:
        raise refusal(place, f"A stage cannot be called {name!r}: use letters, digits, - and _.") from error
    if isinstance(tree, Call) and tree.target in ("Search", "Experiment"):
        raise refusal(
            tree.place or place,
            f"The stage {name!r} cannot be a !{tree.target}. A stage with search spaces is searched as it is; "
            f"algorithm: {{{name}: {{algorithm: random, trials: 20}}}} says how.",
        )
    check_calls(tree, modules)
    parents: dict[str, None] = {}
    for link in links(tree).values():
        if link.stage == name:
            raise refusal(link.place, f"!@ {link} links the stage {name!r} to itself. Use an alias (*NAME) instead.")
        if link.stage not in pipeline:
            raise refusal(link.place, f"!@ {link}: there is no such stage. {did_you_mean(link.stage, pipeline)}")
        try:
            _check_keys(link, pipeline)
        except ConfigError as error:
            raise refusal(link.place, f"!@ {link}: {error}") from error
        parents[link.stage] = None
    return Stage(name, tree, tuple(parents), _runs(name, tree, modules, place))


def _check_keys(link: Link, pipeline: Fields) -> None:
    """See that there is something at the keys of a link, through other links, too."""
    for _ in pipeline:  # no link goes through more stages, unless they link to each other in a circle
        node, rest = node_or_link(pipeline[link.stage], link.keys)
        if not isinstance(node, Link) or not rest or node.attributes or node.stage not in pipeline:
            return  # what an attribute has in it is known when its stage has run
        link = node.further(rest)


def _runs(name: str, tree: Node, modules: Collection[str], place: Place | None) -> bool:
    """Whether what is built has a method `run`; a function has to say what it gives."""
    if not isinstance(tree, Call) or tree.partial:
        return False
    made: Any = find(tree.target, modules)
    if not isinstance(made, type):
        try:
            made = inspect.signature(made, eval_str=True).return_annotation
        except (NameError, TypeError, ValueError):
            made = inspect.Signature.empty
        if made is inspect.Signature.empty:
            raise refusal(
                tree.place or place,
                f"!{tree.target} is a function, so whether the stage {name!r} is to run cannot be seen. Annotate "
                "what it returns.",
            )
    return callable(getattr(made, "run", None))


def _check_order(stages: Mapping[str, Stage]) -> None:
    try:
        graphlib.TopologicalSorter({name: stage.parents for name, stage in stages.items()}).prepare()
    except graphlib.CycleError as error:
        names = error.args[1]  # each before one that links to it
        found = links(stages[names[1]].tree).values()
        place = next(link.place for link in found if link.stage == names[0])
        told = " -> ".join(reversed(names))
        raise refusal(place, f"The stages link to each other in a circle: {told}. Take one of the links out.") from None
    before = set()
    for name, stage in stages.items():
        before.add(name)
        for link in links(stage.tree).values():
            if link.stage not in before:
                raise refusal(link.place, f"!@ {link}: {link.stage!r} comes after {name!r}. Write it before {name!r}.")


def _check_stages(about: str, given: Fields, pipeline: Fields) -> None:
    for name in given:
        if name not in pipeline:
            problem = f"{about}: there is no stage {name!r}. {did_you_mean(name, pipeline)}"
            raise refusal(given.places.get(name), problem)


def _direction(name: str, direction: Node, pipeline: Fields) -> str:
    if isinstance(direction, Fields):
        _check_stages("direction", direction, pipeline)
    given = direction.get(name, DIRECTIONS[0]) if isinstance(direction, Fields) else direction
    if given not in DIRECTIONS:
        place = direction.places.get(name) if isinstance(direction, Fields) else None
        raise refusal(place, f"There is no direction {given!r}. {did_you_mean(str(given), DIRECTIONS)}")
    return str(given)


def _search(stage: Stage, algorithm: Fields, direction: str) -> SearchOptions | None:
    place = algorithm.places.get(stage.name)
    if not spaces(stage.tree):
        if stage.name in algorithm:
            raise refusal(place, f"algorithm: the stage {stage.name!r} has no search spaces, so nothing is searched.")
        return None
    options = SearchOptions(direction=direction)
    if stage.name in algorithm:
        given = algorithm[stage.name]
        named = Fields({"direction": direction, **given}) if isinstance(given, Fields) else given
        options = _loaded(SearchOptions, "algorithm", Fields({stage.name: named}, algorithm.places), stage.name)
    if not stage.runs and options.algorithm != "grid":
        told = f"algorithm: the stage {stage.name!r} has no run(), so it has no metric to search by. Leave it out."
        raise refusal(place, told)
    _placed(lambda: check_search(stage.tree, options), place)
    return options


def _kept(stage: Stage, reduce: Fields, several: bool) -> int | None:
    if stage.name not in reduce:
        return None
    count, place = reduce[stage.name], reduce.places.get(stage.name)
    if type(count) is not int or count < 1:
        raise refusal(place, f"reduce: {stage.name} is {count!r}. Give how many variants are kept, 1 or more.")
    if not several:
        raise refusal(place, f"reduce: the stage {stage.name!r} has one variant: nothing is searched there or before.")
    if not stage.runs:
        raise refusal(place, f"reduce: the stage {stage.name!r} has no run(), so none of its variants is the best.")
    return count


def _loaded(cls: type[T], about: str, given: Fields, stage: str) -> Any:
    """What is said of a stage, as an instance of `cls`; None if nothing is."""
    if stage not in given:
        return None
    value, place = given[stage], given.places.get(stage)
    if not isinstance(value, Fields):
        raise refusal(place, f"{about}: {stage} is {value!r}. Give a mapping of options.")
    return _placed(lambda: load(cls, to_json(value)), place, f"{about}: {stage}: ")


def _placed(function: Callable[[], T], place: Place | None, before: str = "") -> T:
    try:
        return function()
    except ConfigError as error:
        told = str(error)
        raise (error if place and told.startswith(place.file) else refusal(place, before + told)) from None


def options_of(value: Any, about: str) -> Fields:
    """What is said by stage.

    Raises:
        ConfigError: it is no mapping.
    """
    node = freeze(value if value is not None else {})
    if not isinstance(node, Fields):
        raise ConfigError(f"{about} is {value!r}. Give a mapping by stage: {{STAGE: ...}}.")
    return node
