from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orepass.canonical import canonical, dumps
from orepass.errors import ConfigError
from orepass.runnables.json_form import from_json, to_json
from orepass.runnables.link import Link
from orepass.runnables.search_spaces import Choice, Grid, Integers, LogUniform, Space, Uniform
from orepass.runnables.tree import Call, Fields, Node, Place, freeze
from orepass.runnables.walking import calls, links, node_at, spaces, walk, with_links, with_values

SHARED = Call("Encoder", {"dim": Uniform(0, 1)})
TREE = Call(
    "Trainer",
    {
        "model": Call("my.Model", {"encoder": SHARED, "layers": [Call("L", positional=(Grid([1, 2]),)), 3]}),
        "again": SHARED,
        "odd key": Integers(1, 9),
        "data": Link("prepare", ("out", 0), ("path",)),
    },
)


def test_paths_name_what_is_in_a_tree_and_what_is_shared_once() -> None:
    assert spaces(TREE) == {
        "again.dim": Uniform(0, 1),
        "model.layers[0][0]": Grid((1, 2)),
        "['odd key']": Integers(1, 9),
    }
    assert list(calls(TREE)) == ["", "again", "model", "model.layers[0]"]
    assert links(TREE) == {"data": Link("prepare", ("out", 0), ("path",))}


def test_values_take_the_place_of_spaces_and_what_is_shared_stays_shared() -> None:
    chosen = with_values(TREE, {"again.dim": 0.5, "model.layers[0][0]": [1, {"a": 2}]})
    assert list(spaces(chosen)) == ["['odd key']"]
    assert node_at(chosen, ("model", "layers", 0, 0)) == (1, Fields({"a": 2}))
    assert node_at(chosen, ("model", "encoder")) is node_at(chosen, ("again",))
    assert node_at(chosen, ("again", "dim")) == 0.5
    assert spaces(TREE) != spaces(chosen)
    with pytest.raises(ConfigError, match=r"no search space at 'again.dum'. Did you mean 'again.dim'\?"):
        with_values(TREE, {"again.dum": 1})


def test_values_take_the_place_of_links() -> None:
    assert with_links(TREE, {}) == TREE
    done = with_links(TREE, {Link("prepare", ("out", 0), ("path",)): "corpus.txt", Link("other"): 1})
    assert node_at(done, ("data",)) == "corpus.txt"
    assert not links(done)


def test_a_path_that_leads_nowhere_is_told_and_a_space_on_the_way_is_given() -> None:
    assert node_at(TREE, ("model", "layers", 0, 0, "inner")) == Grid((1, 2))
    with pytest.raises(ConfigError, match=r"no 'encodr' at 'model'. Did you mean 'encoder'\?"):
        node_at(TREE, ("model", "encodr"))
    with pytest.raises(ConfigError, match=r"no 2 at 'model.layers'. Valid: 0, 1."):
        node_at(TREE, ("model", "layers", 2))
    with pytest.raises(ConfigError, match="Nothing is in it"):
        node_at(TREE, ("model", "layers", 1, "x"))


def test_the_json_form_is_hydras_where_hydra_has_one() -> None:
    assert to_json(TREE) == {
        "_target_": "Trainer",
        "model": {
            "_target_": "my.Model",
            "encoder": {"_same_": 1},
            "layers": [{"_target_": "L", "_args_": [{"_grid_": [1, 2]}]}, 3],
        },
        "again": {"_id_": 1, "_target_": "Encoder", "dim": {"_uniform_": {"low": 0.0, "high": 1.0, "step": None}}},
        "odd key": {"_int_": {"low": 1, "high": 9, "step": 1, "log": False}},
        "data": {"_link_": "prepare[out][0].path"},
    }
    back = from_json(to_json(TREE))
    assert back == TREE
    assert node_at(back, ("model", "encoder")) is node_at(back, ("again",))


def test_one_object_and_two_equal_ones_have_different_forms() -> None:
    one = Call("A")
    assert freeze([one, one]) == freeze([Call("A"), Call("A")])
    assert to_json((one, one)) != to_json((Call("A"), Call("A")))


def test_places_take_no_part() -> None:
    here = Call("A", Fields({"x": 1}, {"x": Place("f", 2, 3)}), place=Place("f", 1, 1))
    assert here == Call("A", {"x": 1})
    assert to_json(here) == to_json(Call("A", {"x": 1}))
    assert str(pickle.loads(pickle.dumps(here)).places["x"]) == "f:2:3"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Grid([]), "!grid has no values"),
        (lambda: Choice("abc"), "!choice takes a list"),
        (lambda: Grid([Call("A", {"x": Uniform(0, 1)})]), "!uniform stands inside of !grid"),
        (lambda: Uniform(1, 1), "low is 1.0, high is 1.0"),
        (lambda: Uniform(float("nan"), 1), "low is nan"),
        (lambda: Uniform(0, float("inf")), "high is inf"),
        (lambda: Uniform(0, 10**400), "high is 1000"),
        (lambda: Uniform(True, 2), "low is True"),
        (lambda: Uniform(0, 1, 2), "step is 2"),
        (lambda: LogUniform(0, 1), "no logarithm"),
        (lambda: Integers(1, 2.0), "high is 2.0. Give a whole number"),
        (lambda: Integers(1, 9, 0), "step is 0"),
        (lambda: Integers(0, 9, log=True), "no logarithm"),
        (lambda: Integers(1, 9, 2, log=True), "step has to be 1"),
        (lambda: Integers(1, 9, log=1), "log is 1"),
        (lambda: Call("a b"), "'a b' is no name"),
        (lambda: Call("A", {"_target_": "B"}), "'_target_' has no meaning here"),
        (lambda: Call("A", {1: 2}), "The key 1 is no text"),
        (lambda: Call("A", {"x": object()}), "A object cannot stand in a tree"),
        (lambda: Link("a", ("0",)), "is no link"),
        (lambda: Link("a", (), ("_private",)), "is no link"),
        (lambda: Link.read("a[b"), "'a\\[b' is no link"),
        (lambda: from_json({"_same_": 1}), "no element with the _id_ 1"),
        (lambda: from_json({"_id_": 1, "_target_": "A", "x": {"_same_": 1}}), "no element with the _id_ 1"),
        (lambda: from_json({"_target_": 3}), "_target_ is 3"),
        (lambda: from_json({"_target_": "A", "_args_": 3}), "_args_ is no list"),
        (lambda: from_json({"_target_": "A", "_partial_": 1}), "_partial_ is 1"),
        (lambda: from_json({"_target_": "A", "_convert_": "all"}), "'_convert_' has no meaning here"),
        (lambda: from_json({"_grid_": [1], "x": 2}), "Beside _grid_"),
    ],
)
def test_what_means_nothing_is_refused(make: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def trees() -> st.SearchStrategy[Node]:
    names = st.sampled_from(["a", "B", "size", "x.y", "0", "", "é", "$a"])
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
    made: st.SearchStrategy[Space] = st.one_of(
        st.builds(Uniform, st.floats(-9, 0), st.floats(1, 9)),
        st.builds(LogUniform, st.floats(0.1, 1), st.integers(2, 9)),
        st.builds(Integers, st.integers(-9, 0), st.integers(5, 9), st.integers(1, 5)),
        st.builds(Choice, st.lists(scalars, min_size=1, max_size=3)),
    )
    link = st.builds(Link, st.just("stage"), st.lists(st.sampled_from(["k", 0, 12])).map(tuple), st.just(("attr",)))

    def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        members = st.lists(inner, max_size=3)
        mappings = st.dictionaries(names, inner, max_size=3)
        twice = inner.map(lambda node: (node, {"z": node, "a": [node]}))
        call = st.builds(Call, st.sampled_from(["A", "my.B"]), mappings, members, st.booleans())
        return members.map(freeze) | mappings.map(freeze) | twice.map(freeze) | call

    return st.recursive(scalars | made | link, larger, max_leaves=12)


def shape(tree: Node) -> list[Any]:
    """Where each element is met first, with those that are met again left out."""
    return [path for path, _ in walk(tree)]


@given(trees())
def test_trees_come_back_from_json_with_what_is_shared(tree: Node) -> None:
    form = to_json(tree)
    back = from_json(json.loads(json.dumps(form, allow_nan=False)))
    assert back == tree
    assert to_json(back) == form
    assert shape(back) == shape(tree)
    assert dumps(canonical(form, str)) == dumps(canonical(to_json(reordered(tree)), str))


def reordered(tree: Node) -> Node:
    """The same with all mappings the other way round, and what is shared still shared."""
    done: dict[int, Node] = {}

    def turn(node: Node) -> Node:
        if isinstance(node, tuple):
            return tuple(map(turn, node))
        if isinstance(node, Fields):
            return Fields({key: turn(node[key]) for key in reversed(list(node))})
        if isinstance(node, Call):
            if id(node) not in done:
                named = {name: turn(node.arguments[name]) for name in reversed(list(node.arguments))}
                done[id(node)] = Call(node.target, named, tuple(map(turn, node.positional)), node.partial)
            return done[id(node)]
        return node

    return turn(tree)


@given(trees())
def test_all_spaces_can_be_filled(tree: Node) -> None:
    there = spaces(tree)
    filled = with_values(tree, dict.fromkeys(there, 7))
    assert not spaces(filled)
    assert links(filled).keys() == links(tree).keys()
    assert len(set(calls(filled))) == len(calls(tree))
