"""What travels to a process that computes a step."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

from orepass import Store, module
from orepass.blocks.launchers.packing import Packer, unpack
from orepass.call import Call
from orepass.step import make_steps
from orepass.submitted import call_of


@module(name="packed", config_for_cache=lambda config: {"size": config["size"]})
def packed(config: dict[str, Any], element: int) -> int:
    return int(config["size"]) + element


def calls(step: Any, config: Any, elements: list[Any], store: Store) -> list[Call]:
    return [call_of(step) for step in make_steps(step, config, elements, store)]


def test_a_call_comes_out_as_it_went_in(store: Store) -> None:
    (call,) = calls(packed, {"size": 3}, [4], store)
    assert unpack(Packer().pack(call)) == call


def test_an_element_that_changes_its_configuration_changes_no_other_ones(store: Store) -> None:
    packer = Packer()
    first, second = (unpack(packer.pack(call)) for call in calls(packed, {"size": 3}, [4, 5], store))
    first.step.config["size"] = 9
    assert second.step.module.function(*second.step.arguments) == 8


@pytest.mark.parametrize("unusual", [lambda: 7, json], ids=["a lambda", "a Python module"])
def test_what_does_not_count_for_the_key_may_be_anything_that_can_travel(store: Store, unusual: Any) -> None:
    (call,) = calls(packed, {"size": 3, "unusual": unusual}, [4], store)
    found = unpack(Packer().pack(call)).step.config["unusual"]
    assert found is json if isinstance(unusual, ModuleType) else found() == 7


def test_what_a_script_defines_is_pickled_once_an_array(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    size = type("Size", (), {"__module__": "a_script", "value": 2})  # nobody can import it from there
    done: list[Any] = []
    dumps: Callable[[Any], bytes] = cloudpickle.dumps
    monkeypatch.setattr(cloudpickle, "dumps", lambda value: done.append(value) or dumps(value))
    packer = Packer()
    config = {"size": 3, "more": size()}
    again = [unpack(packer.pack(call)).step for call in calls(packed, config, [4, 5, 6], store)]
    assert [step.config["more"].value for step in again] == [2, 2, 2]
    assert done.count(size) == 1
