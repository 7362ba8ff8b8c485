from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import toy_modules as toy

from orepass import module
from orepass.errors import ConfigError
from orepass.pipelines.signature import RESULT


def test_a_modules_inputs_options_and_outputs_are_those_of_its_annotations() -> None:
    signature = toy.first.signature
    assert (list(signature.inputs), list(signature.options)) == (["raw_data"], ["threshold"])
    assert signature.outputs == {RESULT: toy.First, "corpus": toy.Corpus, "vocab": toy.Vocabulary}
    assert (signature.default_input, signature.default_output) == ("raw_data", "corpus")
    threshold = signature.options["threshold"]
    assert (threshold.datatypes, threshold.default) == ((int,), 1)
    assert threshold.help == "the fewest characters of a line, white space included."


def test_what_has_a_default_need_not_be_given() -> None:
    ports = toy.second.signature.inputs
    assert (ports["data"].required, ports["vocabulary"].required) == (True, False)


def test_an_array_takes_a_list_and_gives_lists() -> None:
    signature = toy.shout.signature
    assert (list(signature.inputs), signature.array) == (["element"], "element")
    assert signature.inputs["element"].datatypes == (Sequence[str],)
    assert signature.outputs == {RESULT: Sequence[toy.Shout], "line": Sequence[str], "loudness": Sequence[int]}


def test_a_configuration_that_is_no_dataclass_is_one_input() -> None:
    assert list(toy.join.signature.inputs) == ["lines"]


def test_an_adapters_marked_parameters_are_inputs() -> None:
    signature = toy.lines_of.signature
    assert (list(signature.inputs), list(signature.options)) == (["corpus"], ["at_most"])
    assert signature.options["at_most"].help == "how many lines."
    assert signature.outputs == {RESULT: list[str]}


def test_outputs_that_cannot_be_are_refused() -> None:
    @module(name="toy_no_such_output", default_output="corpsu")
    def no_such(config: toy.ReadConfig) -> toy.First: ...  # type: ignore[empty-body]

    with pytest.raises(ConfigError, match=r"has no output 'corpsu'. Did you mean 'corpus'"):
        _ = no_such.signature

    @dataclass(frozen=True)
    class Confusing:
        result: int

    def confusing(config: Any): ...  # type: ignore[no-untyped-def]

    confusing.__annotations__["return"] = Confusing
    with pytest.raises(ConfigError, match="no field can be called so"):
        _ = module(name="toy_confusing")(confusing).signature
