"""What a pipeline file says is checked as a whole, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from toy_modules import first, second

from orepass.errors import ConfigError
from orepass.pipelines import ModuleInputConnection, ModuleStage, multistage_module
from orepass.pipelines.document import read_pipeline
from orepass.pipelines.graph import Source
from orepass.pipelines.types import find_type

clean_and_cut = multistage_module(
    "clean_and_cut", [ModuleStage("clean", first, [ModuleInputConnection("raw_data")]), ModuleStage("cut", second)]
)
WHOLE = f"{__name__}:clean_and_cut"
CORPUS = {"type": "toy_modules:read", "path": "a.txt"}


def test_modules_are_joined_by_name_and_stages_are_nodes() -> None:
    pipeline = read_pipeline(
        {
            "short": {"type": WHOLE, "input_raw_data": "corpus", "cut_cutoff": 2},
            "lines": {"type": "toy_modules.lines_of", "input_corpus": "short"},
            "corpus": CORPUS,
        }
    )
    assert list(pipeline.nodes) == ["corpus", "short:clean", "short:cut", "lines"]
    assert pipeline.nodes["lines"].inputs["corpus"].sources == (Source("short:cut", "result"),)
    assert pipeline.nodes["short:cut"].options == {"cutoff": 2}
    assert pipeline.nodes["corpus"].options == {"path": Path("a.txt")}


def test_several_outputs_go_to_an_input_that_takes_a_list() -> None:
    pipeline = read_pipeline(
        {
            "a": {"type": "toy_modules:lines_of", "corpus": {"text": "a.txt"}},
            "b": {"type": "toy_modules:lines_of", "corpus": {"text": "b.txt"}},
            "loud": {"type": "toy_modules:shout", "input_element": ["a", "b"]},
            "joined": {"type": "toy_modules:join", "input_lines": "loud.line"},
        }
    )
    link = pipeline.nodes["loud"].inputs["element"]
    assert (link.many, link.sources) == (True, (Source("a", "result"), Source("b", "result")))


def test_a_check_that_looks_at_inputs_is_left_to_the_run() -> None:
    modules = {"corpus": CORPUS, "a": {"type": "toy_modules:picky", "input_corpus": "corpus", "limit": 9}}
    assert list(read_pipeline(modules).nodes) == ["corpus", "a"]
    with pytest.raises(ConfigError, match="limit=9 is too high"):
        read_pipeline({"a": {"type": "toy_modules:picky", "corpus": {"text": "a.txt"}, "limit": 9}})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no modules": ({}, "there are no modules"),
    "a name": ({"a b": CORPUS}, "a b: this cannot be the name of a module"),
    "no type": ({"a": {"path": "x"}}, "a: there is no type"),
    "no mapping": ({"a": 3}, "a: there is no type"),
    "unknown type": ({"a": {"type": "embed_txt"}}, "a: No type 'embed_txt'. Did you mean 'embed_text'"),
    "no such module": ({"a": {"type": "toy_moduls:read"}}, "there is no module 'toy_moduls' to import"),
    "no such name": ({"a": {"type": "toy_modules:raed"}}, "there is no 'raed' in it. Did you mean 'read'"),
    "no module": ({"a": {"type": "toy_modules:Path"}}, "type 'toy_modules:Path' is a .*, not a module"),
    "several modules": ({"a": {"type": "toy_modules"}}, "has the modules read, first, .*Name the one that is meant"),
    "unknown option": (
        {"corpus": CORPUS, "a": {"type": WHOLE, "input_raw_data": "corpus", "cut_cutof": 3}},
        "a: no option 'cut_cutof' in clean_and_cut. Did you mean 'cut_cutoff'",
    ),
    "wrong type of option": (
        {"corpus": CORPUS, "a": {"type": WHOLE, "input_raw_data": "corpus", "cut_cutoff": "many"}},
        "a: cut_cutoff: Input should be a valid integer.*got 'many'",
    ),
    "an option its module refuses": (
        {"corpus": CORPUS, "a": {"type": WHOLE, "input_raw_data": "corpus", "clean_threshold": -1}},
        "a:clean: threshold=-1 is negative",
    ),
    "missing option": ({"a": {"type": "toy_modules:read"}}, r"a: option 'path' \(Path\) is required, but not given"),
    "missing input": ({"a": {"type": WHOLE}}, r"a: input 'raw_data' \(Corpus\) is not connected. Give input_raw_data"),
    "unknown module": (
        {"corpus": CORPUS, "a": {"type": WHOLE, "input_raw_data": "corpsu"}},
        "a: input_raw_data: corpsu: there is no module 'corpsu'. Did you mean 'corpus'",
    ),
    "unknown output": (
        {"corpus": CORPUS, "a": {"type": WHOLE, "input_raw_data": "corpus.txt"}},
        "corpus has no output 'txt'. Did you mean 'text'",
    ),
    "unknown input": (
        {"corpus": CORPUS, "a": {"type": WHOLE, "input_raw_dta": "corpus"}},
        "a: no option 'input_raw_dta' in clean_and_cut. Did you mean 'input_raw_data'",
    ),
    "type mismatch": (
        {"corpus": CORPUS, "a": {"type": WHOLE, "input_raw_data": "corpus.text"}},
        "a: input_raw_data: corpus.text: input 'raw_data' takes Corpus, but output 'text' gives Path",
    ),
    "a list for one": (
        {"corpus": CORPUS, "a": {"type": WHOLE, "input_raw_data": ["corpus"]}},
        "a list is given, but input 'raw_data' takes one Corpus",
    ),
    "one for a list": (
        {"corpus": CORPUS, "a": {"type": "toy_modules:join", "input_lines": "b"}, "b": {"type": "toy_modules:say"}},
        "Put it in brackets, as a list of one",
    ),
    "no connection": (
        {"a": {"type": "toy_modules:join", "input_lines": None}},
        "a: input_lines: None: this is no connection",
    ),
    "connected and given": (
        {"corpus": CORPUS, "a": {"type": WHOLE, "input_raw_data": "corpus", "raw_data": {"text": "x"}}},
        "a: both raw_data and input_raw_data are given",
    ),
    "a circle": (
        {
            "a": {"type": "toy_modules:second", "input_data": "b"},
            "b": {"type": "toy_modules:second", "input_data": "a"},
        },
        "go round in a circle: (a -> b -> a|b -> a -> b)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said_with_what_would_be_right(case: str) -> None:
    modules, message = REFUSED[case]
    with pytest.raises(ConfigError, match=message):
        read_pipeline(modules)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        read_pipeline({"a": {"type": WHOLE, "cut_cutoff": "x"}, "b": {"type": "nothing"}, "c": {"type": WHOLE, "d": 1}})
    assert [line.partition(":")[0].strip() for line in str(error.value).splitlines() if line.startswith("  ")] == [
        "a",
        "a",
        "b",
        "c",
        "c",
    ]


def test_the_seeds_folders_are_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package is its `ModuleInfo`, that of its `info.py`, or the only module in it."""
    info = {
        "modules/my_ms_module/info.py": "from orepass.pipelines import ModuleStage, multistage_module\n"
        "from modules.my_ms_module.module1.info import ModuleInfo as First\n"
        "ModuleInfo = multistage_module('my_ms_module', [ModuleStage('stage1', First)])\n",
        "modules/my_ms_module/module1/info.py": "from modules.my_ms_module.module1.execute import ModuleInfo\n",
        "modules/my_ms_module/module1/execute.py": "from orepass import module\n"
        "@module(name='seed_module1')\ndef ModuleInfo(config: int) -> int: return config\n",
        "single.py": "from orepass import module\n@module(name='seed_one')\ndef only(config: int) -> int: return 1\n",
    }
    for name, text in info.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for folder in ("modules", "modules/my_ms_module", "modules/my_ms_module/module1"):
        (tmp_path / folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert find_type("modules.my_ms_module").name == "my_ms_module"
    assert find_type("modules.my_ms_module.module1").name == "seed_module1"
    assert find_type("single").name == "seed_one"


def test_registered_names_are_types() -> None:
    assert find_type("embed_text").name == "embed_text"
    assert find_type("encode_and_index").name == "encode_and_index"
