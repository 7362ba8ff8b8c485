from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from pydantic import SecretStr

from orepass.canonical import canonical, dumps
from orepass.errors import ConfigError, UnkeyableError


class Kind(enum.Enum):
    FLAT = "Flat"


class Level(enum.IntEnum):
    LOW = 1


@dataclass(frozen=True)
class Inner:
    a: float = 1.0
    b: tuple[int, ...] = (1, 2)
    timeout_min: int = 3


@dataclass(frozen=True)
class Outer:
    inner: Inner
    kind: Any = "Flat"


def form(value: Any) -> bytes:
    return dumps(canonical(value, lambda path: f"content of {path}"))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def shuffled(value: Any) -> Any:
    """An equal configuration that is written in another way."""
    if isinstance(value, dict):
        return {key: shuffled(member) for key, member in reversed(value.items())}
    if isinstance(value, list):
        return tuple(shuffled(member) for member in value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**1000 and int(float(value)) == value:
        return float(value)
    return value


@given(VALUES)
def test_equal_configurations_have_one_form(value: Any) -> None:
    assert form(value) == form(shuffled(value))


@given(SCALARS, SCALARS)
def test_different_values_have_different_forms(one: Any, other: Any) -> None:
    same = one == other and isinstance(one, bool) == isinstance(other, bool)
    both_nan = one != one and other != other
    assert (form(one) == form(other)) == (same or both_nan)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Outer(Inner()), {"kind": Kind.FLAT, "inner": {"b": [1, 2], "a": 1}}),
        (Outer(Inner()), OmegaConf.create({"inner": {"a": 1.0, "b": [1, 2]}, "kind": "Flat"})),
        (Outer(Inner(timeout_min=3)), Outer(Inner(timeout_min=99))),
        ({"x": [{"timeout_min": 1, "y": 2}], "timeout_min": 5}, {"x": [{"y": 2}]}),
        ({"x": np.float32(0.5), "n": np.int64(3)}, {"x": 0.5, "n": 3}),
        (Level.LOW, 1),
        ({1, 2, 3}, frozenset([3, 2, 1])),
        (2**53, float(2**53)),
        (10**300 - 10**300 % 2**960, float(10**300 - 10**300 % 2**960)),
        (-0.0, 0),
        (OmegaConf.create({"a": 2, "b": "${a}"}), {"a": 2, "b": 2}),
    ],
)
def test_equal(one: Any, other: Any) -> None:
    assert form(one) == form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"timeout": 1}, {}),
        ({"output_dir": "a"}, {"output_dir": "b"}),
        ({"_private": 1}, {}),
        (None, {}),
        ({"a": None}, {}),
        (True, 1),
        ("1", 1),
        (["a", "b"], ["b", "a"]),
        ([1], {1}),
        (float("nan"), "nan"),
        (float("inf"), float("-inf")),
        (2**53, 2**53 + 1),
        ([10**5000], [10**5000 + 1]),
        ("/data", Path("/data")),
        # What looks like the form of something else is not taken for it.
        (Path("x"), {"$path": "content of x"}),
        (float("nan"), {"$float": "nan"}),
        ({1}, {"$set": [1]}),
    ],
)
def test_different(one: Any, other: Any) -> None:
    assert form(one) != form(other)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"a": {"b": [0, lambda: 1]}}, ["config.a.b[1]", "function"]),
        ({"a": open}, ["config.a", "builtin_function_or_method"]),
        ({"a": b"bytes"}, ["config.a", "bytes"]),
        ({"a": np.zeros(3)}, ["config.a", "ndarray", "Write it to a file"]),
        ({"a": {3: 4}}, ["config.a", "key 3"]),
        ({"a": Inner}, ["config.a", "type"]),
        ({"a": object()}, ["config.a", "object"]),
        ({"a": "\ud800"}, ["config.a", "UTF-8"]),
        ({"a": {"\ud800": 1}}, ["config.a", "UTF-8"]),
        ({"a": np.longdouble(1)}, ["config.a", "longdouble"]),
    ],
)
def test_what_cannot_be_keyed_is_named(value: Any, names: list[str]) -> None:
    with pytest.raises(UnkeyableError) as caught:
        form(value)
    for name in names:
        assert name in str(caught.value)


def test_an_open_file_is_named(tmp_path: Path) -> None:
    with open(tmp_path / "x", "w") as file, pytest.raises(UnkeyableError, match=r"config\.log is a TextIOWrapper"):
        form({"log": file})


def test_a_secret_is_refused_and_not_shown() -> None:
    with pytest.raises(UnkeyableError, match=r"config\.token is a SecretStr.*Secret block") as caught:
        form({"token": SecretStr("opensesame")})
    assert "opensesame" not in str(caught.value)


def test_a_mandatory_value_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="index_type"):
        form(OmegaConf.create({"index_type": "???"}))
