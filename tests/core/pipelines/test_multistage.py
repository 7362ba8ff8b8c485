"""Definitions of multistage modules: the seed's examples, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import toy_modules as toy
from toy_modules import first, lines_of, read, second, shout

from orepass.errors import ConfigError
from orepass.pipelines import (
    InternalModuleConnection,
    ModuleInputConnection,
    ModuleOutputConnection,
    ModuleStage,
    Parameter,
    multistage_module,
)

FIRST = ModuleStage("stage1", first)


def test_without_connections_default_outputs_go_to_default_inputs() -> None:
    whole = multistage_module("toy", [FIRST, ModuleStage("stage2", second)])
    assert list(whole.signature.inputs) == ["raw_data"]
    assert whole.signature.outputs == {"result": toy.Corpus}
    assert (whole.wiring["stage2"]["data"].stage, whole.wiring["stage2"]["data"].output) == ("stage1", "corpus")  # type: ignore[union-attr]


def test_one_output_can_feed_several_stages_and_be_named_or_not() -> None:
    whole = multistage_module(
        "toy",
        [
            FIRST,
            ModuleStage("stage2", second, connections=[InternalModuleConnection("data", "corpus")]),
            ModuleStage("stage3", second, [InternalModuleConnection("data", stage="stage1")]),
        ],
    )
    assert whole.wiring["stage2"] == whole.wiring["stage3"]


def test_inputs_of_the_whole_are_named_like_those_of_the_stage_or_otherwise() -> None:
    whole = multistage_module(
        "toy",
        [
            ModuleStage("stage1", first, [ModuleInputConnection("raw_data", "first_data")]),
            ModuleStage("stage2", first, [ModuleInputConnection("raw_data", "second_data")]),
            ModuleStage(
                "stage3", second, [ModuleInputConnection("data"), ModuleInputConnection("vocabulary", "vocab")]
            ),
            ModuleStage(
                "stage4", second, [ModuleInputConnection("data"), ModuleInputConnection("vocabulary", "vocab")]
            ),
        ],
    )
    inputs = whole.signature.inputs
    assert list(inputs) == ["first_data", "second_data", "data", "vocab"]
    assert [inputs[name].required for name in inputs] == [True, True, True, False]


def test_a_shared_input_has_to_suit_all_its_stages_and_is_required_if_one_needs_it() -> None:
    whole = multistage_module(
        "toy",
        [
            ModuleStage("a", second, [ModuleInputConnection("data", "x"), ModuleInputConnection("vocabulary", "y")]),
            ModuleStage("b", lines_of, [ModuleInputConnection("corpus", "y")]),
        ],
    )
    shared = whole.signature.inputs["y"]
    assert shared.required
    assert shared.datatypes[0] != shared.datatypes[1]


def test_given_outputs_replace_the_default_and_can_have_other_names() -> None:
    whole = multistage_module(
        "toy",
        [
            ModuleStage("stage1", first, (), [ModuleOutputConnection("vocab")]),
            ModuleStage("stage2", second, output_connections=[ModuleOutputConnection("result", "cut")]),
        ],
    )
    assert whole.signature.outputs == {"vocab": toy.Vocabulary, "cut": toy.Corpus}
    assert whole.signature.default_output == "vocab"


def test_options_are_called_by_stage_and_keep_their_help_type_and_default() -> None:
    options = multistage_module("toy", [FIRST, ModuleStage("stage2", second)]).signature.options
    assert list(options) == ["stage1_threshold", "stage2_vocabulary", "stage2_cutoff"]
    assert options["stage1_threshold"].help.startswith("the fewest characters")
    assert options["stage2_cutoff"].default == 3


def test_a_parameter_stands_for_options_of_several_stages() -> None:
    threshold = Parameter("threshold", ["stage1_threshold", "stage2_cutoff"], help="how long", type=int, default=10)
    whole = multistage_module("toy", [FIRST, ModuleStage("stage2", second)], [threshold])
    assert list(whole.signature.options) == ["stage2_vocabulary", "threshold"]
    port = whole.signature.options["threshold"]
    assert (port.help, port.datatypes, port.default) == ("how long", (int,), 10)


def test_a_parameter_without_a_default_is_required_unless_its_options_agree() -> None:
    stages = [FIRST, ModuleStage("again", first), ModuleStage("stage2", second)]
    disagree = multistage_module("toy", stages, [Parameter("t", ["stage1_threshold", "stage2_cutoff"])])
    agree = multistage_module("toy", stages, [Parameter("t", ["stage1_threshold", "again_threshold"])])
    assert disagree.signature.options["t"].required
    assert agree.signature.options["t"].default == 1


def test_a_multistage_module_is_a_stage_like_any_other() -> None:
    inner = multistage_module("inner", [FIRST, ModuleStage("cut", second)])
    outer = multistage_module(
        "outer", [ModuleStage("read", read), ModuleStage("work", inner), ModuleStage("x", lines_of)]
    )
    assert list(outer.signature.options) == [
        "read_path",
        "work_stage1_threshold",
        "work_cut_vocabulary",
        "work_cut_cutoff",
        "x_at_most",
    ]
    assert outer.signature.outputs == {"result": list[str]}


IN = InternalModuleConnection
OUT = ModuleOutputConnection
REFUSED: dict[str, tuple[list[Any], list[Parameter], str]] = {
    "no stages": ([], [], "has no stages"),
    "internal connection on the first stage": (
        [ModuleStage("stage1", first, [IN("raw_data")])], [],
        "stage 'stage1', input 'raw_data': the first stage has none before it",
    ),
    "unknown input": (
        [FIRST, ModuleStage("stage2", second, [IN("dta")])], [],
        "stage 'stage2': toy_second has no input 'dta'. Did you mean 'data'",
    ),
    "unknown output": (
        [FIRST, ModuleStage("stage2", second, [IN("data", "corpsu")])], [],
        r"stage 'stage2', input 'data': stage 'stage1' \(toy_first\) has no output 'corpsu'. Did you mean 'corpus'",
    ),
    "a stage that does not precede": (
        [FIRST, ModuleStage("stage2", second, [IN("data", "result", "stage3")]), ModuleStage("stage3", second)], [],
        "stage 'stage2', input 'data': no stage 'stage3' precedes it",
    ),
    "itself": (
        [FIRST, ModuleStage("stage2", second, [IN("data", None, "stage2")])], [],
        "no stage 'stage2' precedes it. Did you mean 'stage1'",
    ),
    "type mismatch": (
        [FIRST, ModuleStage("stage2", second, [IN("data", "vocab")])], [],
        r"input 'data' of toy_second takes Corpus, but output 'vocab' of stage 'stage1' \(toy_first\) gives Vocabulary",
    ),
    "type mismatch by default": (
        [FIRST, ModuleStage("stage2", shout)], [],
        r"input 'element' of toy_shout takes Sequence\[str\], but output 'corpus' of stage 'stage1' .* gives Corpus",
    ),
    "an input left unconnected": (
        [FIRST, ModuleStage("stage2", second, [IN("vocabulary", "vocab")])], [],
        "stage 'stage2': the input 'data' of toy_second is not connected",
    ),
    "an input connected twice": (
        [FIRST, ModuleStage("stage2", second, [IN("data"), ModuleInputConnection("data")])], [],
        "the input 'data' is connected twice",
    ),
    "duplicate stage": ([FIRST, ModuleStage("stage1", second)], [], "two stages are called 'stage1'"),
    "a stage called all": ([ModuleStage("all", first)], [], "a stage cannot be called 'all'"),
    "a stage with a colon": ([ModuleStage("a:b", first)], [], "a stage cannot be called 'a:b'"),
    "duplicate output": (
        [
            ModuleStage("stage1", first, (), [OUT("corpus", "x")]),
            ModuleStage("stage2", second, (), [OUT("result", "x")]),
        ],
        [], "output 'x' would be both 'corpus' of stage 'stage1' and 'result' of stage 'stage2'",
    ),
    "unknown output of the whole": (
        [ModuleStage("stage1", first, (), [OUT("crops")])], [], "has no output 'crops'. Did you mean 'corpus'",
    ),
    "options of one name": (
        [ModuleStage("a", multistage_module("i", [ModuleStage("b", first)])), ModuleStage("a_b", first)], [],
        "option 'a_b_threshold' would be both 'b_threshold' of stage 'a' and 'threshold' of stage 'a_b'",
    ),
    "an option like an input": (
        [ModuleStage("input", first, [ModuleInputConnection("raw_data", "threshold")])], [],
        "'input_threshold' would be both input 'threshold' and 'threshold' of stage 'input'",
    ),
    "a parameter for no option": (
        [FIRST], [Parameter("t", ["stage1_treshold"])],
        "there is no option 'stage1_treshold'. Did you mean 'stage1_thres",
    ),
    "an empty parameter": ([FIRST], [Parameter("t", [])], "parameter 't' sets no option"),
    "a parameter of another type": (
        [FIRST], [Parameter("t", ["stage1_threshold"], type=str)],
        "parameter 't' is str, but option 'stage1_threshold' takes int",
    ),
    "two parameters for one option": (
        [FIRST], [Parameter("t", ["stage1_threshold"]), Parameter("u", ["stage1_threshold"])],
        "two parameters set 'stage1_threshold'",
    ),
    "no stage": (["stage1"], [], "'stage1' is no ModuleStage"),
    "a plain function": ([ModuleStage("a", print)], [], "stage 'a': <built-in function print> is no module"),
    "one connection": ([ModuleStage("a", first, IN("raw_data"))], [], "connections is no list"),
    "an output among the inputs": (
        [ModuleStage("a", first, [OUT("corpus")])], [], "is no InternalModuleConnection or ModuleInputConnection",
    ),
    "a name that nobody can write": (
        [ModuleStage("a", first, [ModuleInputConnection("raw_data", "a b")])], [],
        "'a b' cannot be the name of an input",
    ),
    "a default of another type": (
        [FIRST], [Parameter("t", ["stage1_threshold"], default="many")], "parameter 't': default: Input should be",
    ),
    "a parameter like an option": (
        [FIRST, ModuleStage("stage2", second)], [Parameter("stage2_cutoff", ["stage1_threshold"])],
        "parameter 'stage2_cutoff' would also be 'cutoff' of stage 'stage2'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_definition_that_cannot_be_is_refused_and_both_ends_are_named(case: str) -> None:
    stages, parameters, message = REFUSED[case]
    with pytest.raises(ConfigError, match=f"^multistage module 'toy'.*{message}"):
        multistage_module("toy", stages, parameters)


def test_the_reference_says_where_it_was_defined() -> None:
    whole: Any = multistage_module("toy", [FIRST])
    assert whole.reference == f"{__name__}:toy"
