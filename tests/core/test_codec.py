from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orepass.codec import Codec
from orepass.errors import ResultError


@dataclass(frozen=True)
class Leaf:
    file: Path
    counts: dict[int, float]


@dataclass(frozen=True)
class Tree:
    leaves: tuple[Leaf, ...]
    name: str = ""


@dataclass
class Stranger:
    x: int = 1


@dataclass(frozen=True)
class Narrow:
    x: int
    twice: int = field(init=False, default=0)


class Color(enum.Enum):
    RED = 1


class State(int, enum.Enum):
    DONE = 4


class Word(enum.StrEnum):
    YES = "yes"


@dataclass(frozen=True)
class Standing:
    state: State
    words: dict[Word, Color]


ROOT, FOLDER = Path("/store"), Path("/store/.partial/abc")
KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner),
    max_leaves=20,
)


def round_trip(value: Any, annotation: Any = None, folder: Path = FOLDER, root: Path = ROOT) -> Any:
    codec = Codec(annotation)
    stored = orjson.dumps(codec.encode(value, folder, root))
    return codec.decode(orjson.loads(stored), folder, root)


def same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0 and True, a list from a tuple, and 0.0 from -0.0."""
    return repr(one) == repr(other)


@given(VALUES)
def test_what_comes_back_is_exactly_what_was_stored(value: Any) -> None:
    assert same(round_trip(value), value)


def test_values_that_json_does_not_have() -> None:
    value = {"nan": math.nan, "inf": [math.inf, -math.inf], 3: (1, (2.0,)), "big": 10**4000, "$path": "no path"}
    assert same(round_trip(value), value)


def test_numpy_scalars_become_python_ones() -> None:
    assert same(round_trip([np.float32(0.5), np.int64(3), np.bool_(True)]), [0.5, 3, True])


def test_dataclasses_come_back_as_themselves(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    tree = Tree((Leaf(tmp_path / "f", {1: math.inf}), Leaf(Path("/elsewhere/x y\n"), {})), "oak")
    assert round_trip(tree, Tree, tmp_path, ROOT) == tree
    assert round_trip({"a": [tree]}, dict[str, list[Tree]] | None, tmp_path, ROOT) == {"a": [tree]}


def test_enums_come_back_as_themselves() -> None:
    standing = Standing(State.DONE, {Word.YES: Color.RED})
    found = round_trip(standing, Standing)
    assert same(found, standing)
    assert found.state is State.DONE


def test_paths_move_with_the_store(tmp_path: Path) -> None:
    """One inside of the result follows the result, one inside of the store the store, others stay."""
    folder, root = tmp_path / "store" / ".partial" / "abc", tmp_path / "store"
    (folder / "sub").mkdir(parents=True)
    paths = [folder / "sub", folder, root / "other" / "key" / "file", tmp_path / "outside", folder / "x" / ".." / "sub"]
    stored = Codec(None).encode(paths, folder, root)
    elsewhere = Path("/moved")
    assert Codec(None).decode(stored, elsewhere / "m" / "k", elsewhere) == [
        elsewhere / "m" / "k" / "sub",
        elsewhere / "m" / "k",
        elsewhere / "other" / "key" / "file",
        tmp_path / "outside",
        elsewhere / "m" / "k" / "sub",
    ]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"a": [0, {1, 2}]}, ["result['a'][1]", "set"]),
        ((b"x",), ["result[0]", "bytes"]),
        ({"a": np.zeros(2)}, ["result['a']", "ndarray", "return the Path"]),
        (Color.RED, ["result", "Color"]),
        (Stranger(), ["Stranger", "return annotation", "Tree"]),
        (lambda: 1, ["result", "function"]),
        ("\ud800", ["result", "UTF-8"]),
        (Path("/x\udc80"), ["result", "UTF-8"]),
        (np.longdouble(1), ["longdouble"]),
    ],
)
def test_what_cannot_be_stored_is_named(value: Any, names: list[str]) -> None:
    with pytest.raises(ResultError) as caught:
        Codec(Tree).encode(value, FOLDER, ROOT)
    for name in names:
        assert name in str(caught.value)


def test_a_file_that_was_never_written_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"result\['file'\].*never\.txt.*written nothing there"):
        Codec(None).encode({"file": tmp_path / "never.txt"}, tmp_path, ROOT)


@pytest.mark.parametrize(
    "stored",
    [
        {"$unknown": 1},
        {"$dataclass": "Tree", "fields": {"leaves": [], "name": "", "added": 1}},
        {"$dataclass": "Tree", "fields": {}},
        {"$dataclass": "Tree"},
        {"$dataclass": "Stranger", "fields": {}},
        {"$dataclass": "subprocess.Popen", "fields": {"args": "true"}},
        {"$float": "x"},
        {"$map": [[{"$tuple": [[]]}, 1]]},
        {"$map": 3},
        {"$out": 3},
        {"$enum": "Color", "name": "RED"},
        {"$enum": "Tree", "name": "RED"},
    ],
)
def test_a_form_that_does_not_fit_is_an_error_of_ours(stored: Any) -> None:
    """It is set aside then, as after a field was added to the class."""
    with pytest.raises(ResultError):
        Codec(Tree).decode(json.loads(json.dumps(stored)), FOLDER, ROOT)
