from __future__ import annotations

import sys
from typing import Any

import pytest

from orepass.errors import ConfigError
from orepass.runnables.building import build, check_calls
from orepass.runnables.link import Link
from orepass.runnables.names import check_name, find
from orepass.runnables.reading import read_documents
from orepass.runnables.tree import Call
from orepass.runnables.walking import with_values

pytestmark = pytest.mark.usefixtures("parts", "registered")

MODULES = ["parts_ext"]


def tree(text: str) -> Any:
    return read_documents(f"parts_ext: ./ext\n---\n{text}").root


def parts() -> Any:
    return sys.modules["parts_ext"]


def test_objects_are_built_depth_first_and_what_is_shared_once() -> None:
    root = tree(
        "!Box\ncontent:\n  a: !parts_ext.Model\n    encoder: &e !parts_ext.Encoder {dim: 8, dropout: 0.5}\n"
        "  b: !parts_ext.Model {encoder: *e, layers: [1, !parts_ext.Model.Head [3]]}\n  c: [*e]\n"
    )
    assert "parts_ext" not in sys.modules
    built = build(root, MODULES)
    a, b, (encoder,) = built.root.content.values()
    assert a.encoder is b.encoder is encoder
    assert (encoder.dim, encoder.dropout, b.layers[0], b.layers[1].width) == (8, 0.5, 1, 3)
    assert parts().order == ["Encoder", "Model", "Model"]
    assert built.by_path[()] is built.root
    assert built.by_path["content", "c", 0] is built.by_path["content", "b", "encoder"] is encoder
    assert built.by_path["content", "b", "encoder", "dim"] == 8


def test_functions_nested_names_and_any_arguments() -> None:
    root = tree("!parts_ext.free [1, !parts_ext.sub.Deep, !parts_ext.Model.of_size 3, {a: [~]}]")
    (one, deep, model, data), named = build(root, MODULES).root
    assert (one, type(deep).__name__, model.size, data, named) == (1, "Deep", 3, {"a": [None]}, {})
    assert build(tree("!parts_ext.free {anything: 1}"), MODULES).root == ((), {"anything": 1})
    assert build(Call("datetime.timedelta", {"days": 2}), ["datetime"]).root.days == 2


def test_a_function_can_be_meant_instead_of_what_it_returns() -> None:
    root = tree(
        "!parts_ext.free [!parts_ext.free {_partial_: true}, !parts_ext.Encoder {dropout: 0.5, _partial_: true}]"
    )
    function, make = build(root, MODULES).root[0]
    assert function is parts().free
    assert parts().order == []
    assert (make(3).dim, make(3).dropout) == (3, 0.5)
    with pytest.raises(ConfigError, match="takes no argument 'drop'"):
        build(tree("!parts_ext.Encoder {drop: 1, _partial_: true}"), MODULES)


def test_links_are_given_and_spaces_chosen_before() -> None:
    root = tree("!parts_ext.Model\nsize: !int [1, 9]\nencoder: !@ pretrain.encoder\n")
    check_calls(root, MODULES)
    with pytest.raises(ConfigError, match=r"^<text>:4:7: !int at 'size': a search has to choose"):
        build(root, MODULES, {Link("pretrain", (), ("encoder",)): None})
    chosen = with_values(root, {"size": 3})
    with pytest.raises(ConfigError, match=r"^<text>:5:10: !@ pretrain.encoder at 'encoder'"):
        build(chosen, MODULES)
    trained = object()
    assert build(chosen, MODULES, {Link("pretrain", (), ("encoder",)): trained}).root.encoder is trained


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("!parts_ext.Model\nsze: 1", r"^<text>:4:1: !parts_ext.Model takes no argument 'sze'. Did you mean 'size'\?"),
        (
            "!Box\ncontent: !parts_ext.Encoder",
            "^<text>:4:10: !parts_ext.Encoder at 'content': missing a required argument",
        ),
        ("!parts_ext.Encoder [1, 2]", "too many positional arguments. It needs dim and may have dropout\\."),
        ("!parts_ext.Encoder {_args_: [1], dim: 2}", "multiple values for argument 'dim'"),
        ("!parts_ext.sub.Deep {x: 1}", "takes no argument 'x'. It takes none by name"),
        ("!parts_ext.Encoder [-1]", "^<text>:3:1: !parts_ext.Encoder cannot be built: ValueError: dim is negative"),
        ("!parts_ext.Modl", r"^<text>:3:1: There is no 'Modl' in 'parts_ext'. Did you mean 'Model'\?"),
        ("!parts_ext.number", "is a int, which cannot be called"),
        ("!parts_ext.sub", "is a module. Name what is in it"),
        ("!parts_ext.os.system [ls]", "neither a module of the package nor a class"),
        ("!parts_ext.free.x", "neither a module of the package nor a class"),
        ("!parts_ext.sub.Dep", r"Did you mean 'Deep'\?"),
        ("!parts_ext.broken.X", "cannot be imported: ModuleNotFoundError: No module named 'no_such_dependency'"),
        ("!Gone", "'Gone' cannot be imported: ModuleNotFoundError"),
        ("!Lost", "There is no 'Lost' in 'boxes'"),
    ],
)
def test_what_cannot_be_built_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(tree(text), MODULES)


def test_nothing_is_built_when_something_later_is_wrong() -> None:
    with pytest.raises(ConfigError, match="takes no argument 'wrong'"):
        build(tree("!Box\ncontent: [!parts_ext.Model {}, !parts_ext.Model {wrong: 1}]"), MODULES)
    assert parts().order == []


def test_names_below_what_was_declared_only() -> None:
    check_name("Box")
    check_name("a.b.C", ["a.b"])
    for target, modules in (("a.b.C", ["a.b.CC"]), ("os.system", ["parts_ext"]), ("parts_ext._hidden", [])):
        with pytest.raises(ConfigError, match="may not be named"):
            check_name(target, modules)
    with pytest.raises(ConfigError, match="There is no '__loader__'"):
        find("parts_ext.__loader__", MODULES)
    with pytest.raises(ConfigError, match=r"no module 'missing_ext'. Install what it is from with pip"):
        find("missing_ext.A", ["missing_ext"])


def test_a_trainer_of_lightning_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lightning", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"!LightningTrainer cannot be built: .*: pip install lightning"):
        build(read_documents("!LightningTrainer {trainer: 1, module: 2}").root)
