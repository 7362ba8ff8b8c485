from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from orepass.errors import ConfigError
from orepass.runnables.json_form import to_json
from orepass.runnables.link import Link
from orepass.runnables.reading import is_runnables_document, read_documents
from orepass.runnables.search_spaces import Choice, Grid, Integers, LogUniform, Uniform
from orepass.runnables.tree import Call, Node
from orepass.runnables.walking import links, node_at, spaces

pytestmark = pytest.mark.usefixtures("registered")

SEED = """my_extension: /path/to/extension
my_other_extension: https://github.com/user/my_other_extension
another_extension: py-extensions==1.0
---
{tag}pipeline:
    some_stage: !my_extension.MyCustomTrainer
       epochs: 3

    other_stage: !my_other_extension.AnotherCustomObject
       trained: !@ some_stage[model].encoder
"""


def read(text: str, *allow: str) -> Node:
    return read_documents(text, allow).root


def content(text: str) -> Node:
    """What a document says, as the argument of a `Box`."""
    root = read(f"ext: ./ext\n---\n!Box\ncontent: {text}\n")
    assert isinstance(root, Call)
    return root.arguments["content"]


@pytest.mark.parametrize("tag", ["", "!Experiment\n"])
def test_the_documents_of_the_seed(tag: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(SEED.format(tag=tag))
    document = read_documents(file)
    assert document.path == file
    assert document.extensions == {
        "my_extension": "/path/to/extension",
        "my_other_extension": "https://github.com/user/my_other_extension",
        "another_extension": "py-extensions==1.0",
    }
    stages = {
        "some_stage": Call("my_extension.MyCustomTrainer", {"epochs": 3}),
        "other_stage": Call(
            "my_other_extension.AnotherCustomObject", {"trained": Link("some_stage", ("model",), ("encoder",))}
        ),
    }
    assert document.root == Call("Experiment", {"pipeline": stages})
    (link,) = links(document.root).values()
    assert str(link.place) == f"{file}:{10 + bool(tag)}:17"
    assert not {"my_extension", "my_other_extension", "boxes"} & sys.modules.keys()


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("1e-3", 0.001),
        ("-2E5", -2e5),
        ("1.5e3", 1500.0),
        ("'1e-3'", "1e-3"),
        ("2026-11-21", "2026-11-21"),
        ("=", "="),
        ("[1, true, ~, a]", (1, True, None, "a")),
        ("!!str 3", "3"),
        ("!ext.A", Call("ext.A")),
        ("!ext.A {}", Call("ext.A")),
        ("!ext.A 3", Call("ext.A", positional=(3,))),
        ("!ext.A ''", Call("ext.A", positional=("",))),
        ("!ext.A '3'", Call("ext.A", positional=("3",))),
        ("!ext.A [1, [!ext.B]]", Call("ext.A", positional=(1, (Call("ext.B"),)))),
        ("!ext.A {x: 1, _args_: [2]}", Call("ext.A", {"x": 1}, (2,))),
        ("!ext.f {x: 1, _partial_: true}", Call("ext.f", {"x": 1}, partial=True)),
        ("{x: !ext.A, y: !ext.B}", {"x": Call("ext.A"), "y": Call("ext.B")}),
        ("[!ext.A, !ext.B [], !ext.C 1, !!str 2]", (Call("ext.A"), Call("ext.B"), Call("ext.C", positional=(1,)), "2")),
        ("!@ stage", Link("stage")),
        ("!@ stage[key][0].attr.attr", Link("stage", ("key", 0), ("attr", "attr"))),
        ("[!@ 'a[b]']", (Link("a", ("b",)),)),
        ("!grid [1, [2, 3], !ext.A {x: !@ s}]", Grid((1, (2, 3), Call("ext.A", {"x": Link("s")})))),
        ("!g [1]", Grid((1,))),
        ("!choice [a, b]", Choice(("a", "b"))),
        ("!c [a]", Choice(("a",))),
        ("!uniform [0, 1]", Uniform(0, 1)),
        ("!u {low: 0, high: 1, step: 0.25}", Uniform(0, 1, 0.25)),
        ("!loguniform [1e-5, 1e-2]", LogUniform(1e-5, 1e-2)),
        ("!lu [1, 2]", LogUniform(1, 2)),
        ("!int [1, 9]", Integers(1, 9)),
        ("!i [1, 9, 2]", Integers(1, 9, 2)),
        ("!int {low: 1, high: 1024, log: true}", Integers(1, 1024, log=True)),
    ],
)
def test_what_is_written_and_what_it_means(text: str, node: Any) -> None:
    found = content(text)
    assert found == node
    assert isinstance(node, dict) or type(found) is type(node)


def test_hydras_form_is_the_same_tree() -> None:
    tagged = read("!Box\ncontent: !Box [!Box {content: !g [1, 2]}, !@ 's[k].a', !u [0, 1]]")
    plain = read(
        "_target_: boxes.Box\ncontent:\n  _target_: Box\n  _args_:\n    - {_target_: Box, content: {_grid_: [1, 2]}}\n"
        "    - {_link_: 's[k].a'}\n    - {_uniform_: [0, 1]}\n"
    )
    assert tagged == plain
    assert to_json(tagged) == to_json(plain)


def test_an_alias_is_the_same_node_and_merging_makes_another() -> None:
    root = read(
        "!Box\ncontent:\n  a: &a !Box {content: &lr !lu [1, 2]}\n  b: *a\n  c: !Box {<<: *a, more: *lr}\n  d: [*a]\n"
    )
    a, c = (node_at(root, ("content", key)) for key in "ac")
    assert node_at(root, ("content", "b")) is a
    assert node_at(root, ("content", "d", 0)) is a
    assert c == Call("Box", {"content": LogUniform(1, 2), "more": LogUniform(1, 2)})
    assert list(spaces(root)) == ["content.a.content"]


def test_keys_of_the_mapping_win_over_merged_ones() -> None:
    merged = content("\n  base: &b {x: 1, y: 1}\n  other: &o {y: 2, z: 2}\n  both: {<<: [*b, *o], z: 3}")
    assert node_at(merged, ("both",)) == {"x": 1, "y": 1, "z": 3}


LAUGHS = "".join(f"  {chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9))
MERGES = "".join(f"  {chr(98 + i)}: &{chr(98 + i)} {{<<: [{', '.join([f'*{chr(97 + i)}'] * 9)}]}}\n" for i in range(9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "<text> is empty"),
        ("a: 1\n---\n!Box\n---\n!Box\n", "<text>:5:1: A third document"),
        ("[a]\n---\n!Box\n", "<text>:1:1: This is no mapping. Before the ---"),
        ("!Box\n---\n!Box\n", "<text>:1:1: This is no mapping"),
        ("my_ext: [a]\n---\n!Box\n", "<text>:1:1: The value of 'my_ext' is no text"),
        ("my-ext: a\n---\n!Box\n", "<text>:1:1: 'my-ext' cannot be imported. Give the name of the top-level module"),
        ("x: 1\n", "<text>:1:1: This is no runnable"),
        ("my_ext: a\n---\n", "<text>:3:1: This is no runnable"),
        ("!grid [1]\n", "<text>:1:1: This is no runnable"),
        ("!Box\ncontent: [1\n", "<text>:3:1: This is no YAML: expected ',' or ']'"),
        ("!Box\ncontent: [!@ a[b]]\n", "a link has to be quoted"),
        ("!Box\ncontent: \x01\n", "<text> is no YAML: unacceptable character"),
        ("!Box\ncontent: *a\n", "<text>:2:10: This is no YAML: found undefined alias"),
        ("!Box\n<<: 3\n", "<text>:2:5: This is no YAML: expected a mapping"),
        ("!Box\ncontent: " + "[" * 1000, "<text>: mappings and lists are nested too deeply"),
        ("!Box\na: 1\nb: {c: 1, d: 2, c: 3}\n", "<text>:3:17: The key 'c' is there already, in line 3"),
        ("!Box\n1: a\n", "<text>:2:1: The key '1' is no text"),
        ("!Box\nyes: a\n", "<text>:2:1: The key 'yes' is no text"),
        ("!Box\n? [a]\n: b\n", "<text>:2:3: The key of this mapping is no text"),
        ("!Box\ncontent: &a [*a]\n", "<text>:2:10: This has itself in it"),
        ("!Box\ncontent: &a !Box {content: *a}\n", "<text>:2:10: This has itself in it"),
        (f"!Box\ncontent:\n  a: &a [lol]\n{LAUGHS}", "more than 100,000 nodes"),
        (f"!Box\ncontent:\n  a: &a {{x: lol}}\n{MERGES}", "more than 100,000 nodes"),
        (
            "!Box\ncontent: !!python/object/apply:os.system [ls]\n",
            "<text>:2:10: The tag !!python/object/apply:os.system",
        ),
        ("!Box\ncontent: !<tag:yaml.org,2002:python/name:os.system> ''\n", "The tag !!python/name:os.system is not"),
        ("!Box\ncontent: !!binary aGk=\n", "The tag !!binary is not read"),
        ("!Box\ncontent: !!map [1]\n", "The tag !!map is not read"),
        ("!Box\ncontent: !!int x\n", "<text>:2:10: 'x' is no int"),
        ("!Box\ncontent: !!int\n", "<text>:2:10: '' is no int"),
        ("!Bx\n", r"<text>:1:1: Nothing is called 'Bx'. Did you mean 'Box'\?"),
        ("!Box\ncontent: !unifrm [0, 1]\n", r"<text>:2:10: Nothing is called 'unifrm'. Did you mean 'uniform'\?"),
        ("!my_ext.A\n", "<text>:1:1: 'my_ext.A' may not be named: 'my_ext' is no declared extension. Declare it"),
        ("my_ext: a\n---\n!my_et.A\n", r"'my_et' is no declared extension. Did you mean 'my_ext'\?"),
        ("my_ext: a\n---\n!my_ext\n", "<text>:3:1: 'my_ext' is a module. Name what is in it"),
        ("_target_: os.system\n_args_: [ls]\n", "<text>:1:1: 'os.system' may not be named"),
        ("!Box\ncontent: !a-b\n", "<text>:2:10: 'a-b' is no name"),
        ("!Box {_target_: Box}\n", "!Box and _target_ both say"),
        ("!Box {content: {_grid_: [1], x: 2}}\n", "<text>:1:16: Beside _grid_"),
        ("!Box {content: {_same_: 1}}\n", "<text>:1:17: The key '_same_' has no meaning here"),
        ("!Box\ncontent: !@ a b\n", "<text>:2:10: 'a b' is no link"),
        ("!Box\ncontent: !@ [a]\n", "<text>:2:10: .* is no link"),
        ("!Box\ncontent: !grid {low: 0, high: 1}\n", "<text>:2:10: !grid takes a list of values"),
        ("!Box\ncontent: !grid 3\n", "<text>:2:10: !grid takes a list of values"),
        ("!Box\ncontent: !grid [1, !uniform [0, 1]]\n", "<text>:2:20: !uniform stands inside of !grid"),
        ("!Box\ncontent: !choice []\n", "<text>:2:10: !choice has no values"),
        ("!Box\ncontent: !uniform [1, 0]\n", "<text>:2:10: !uniform: low is 1.0, high is 0.0"),
        ("!Box\ncontent: !loguniform [0, 1]\n", "<text>:2:10: !loguniform: low is 0.0, which has no logarithm"),
        ("!Box\ncontent: !uniform [0]\n", r"<text>:2:10: !uniform takes \[low, high\] or \[low, high, step\]"),
        ("!Box\ncontent: !uniform [0, 1, 2, 3]\n", "<text>:2:10: !uniform takes"),
        ("!Box\ncontent: !uniform {low: 0, high: 1, place: 3}\n", "<text>:2:10: !uniform takes"),
        ("!Box\ncontent: !int [a, b]\n", "<text>:2:10: !int: low is 'a'. Give a whole number"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^(?=.*{said})" if said[0] != "<" else f"^{said}"):
        read(text)


def test_what_the_caller_allows_may_be_named() -> None:
    assert read("_target_: a.b.C", "a.b.C") == read("!a.b.C", "a.b") == Call("a.b.C")
    with pytest.raises(ConfigError, match="may not be named"):
        read("!a.bc.C", "a.b")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (SEED.format(tag=""), True),
        (SEED.format(tag="!Experiment\n"), True),
        ("!Script\nscript: train.py\nargs: [1\n", True),
        ("pipeline:\n  a: !Script {}\n", True),
        ("_target_: Script\n", True),
        ("pipelin:\n  a: !Script {}\n", True),
        ("!!python/name:os.system\n", True),
        ("!!map\nmodules: {}\n", False),
        ("defaults: [a]\nmodules:\n  pipeline: {type: a}\n", False),
        ("---\nmodules: {}\n", False),
        ("modules: {}\npipeline: 1\n", False),
        ("x: {pipeline: 1}\n", False),
        ("a: pipeline\n", False),
        ("a: [\n", False),
        ("", False),
    ],
)
def test_a_runnables_document_is_told_from_a_pipeline_file(text: str, is_one: bool, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    assert is_runnables_document(file) is is_one


def test_what_cannot_be_read_is_no_runnables_document(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe")
    for path in (tmp_path, tmp_path / "missing.yaml", tmp_path / "bytes.yaml"):
        assert not is_runnables_document(path)
        with pytest.raises(ConfigError, match=f"{path}"):
            read_documents(path)
