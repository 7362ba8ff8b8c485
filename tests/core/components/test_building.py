from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

import orepass.specs as specs
from orepass.components import Component, arguments_of, asks_for_help, build_app, find_component, help_of
from orepass.errors import ConfigError


def given(**values: Any) -> specs.AppDef:
    """An app that carries what a component was given."""
    return specs.AppDef("app", [specs.Role("r", "", "true", metadata=values)])


def typed(
    text: str = "a",
    number: int = 1,
    fraction: float = 0.5,
    flag: bool = False,
    maybe: int | None = None,
    names: list[str] | None = None,
    sizes: "list[int]" = [1],  # noqa: B006, UP037
    env: dict[str, str] | None = None,
    mode: Literal["fast", "exact"] = "exact",
    *,
    max_retries: int = 0,
    _path: Path = Path("x"),
) -> specs.AppDef:
    return given(**locals())


def bare(name, count=1, ratio=0.5, flag=False, names=(), env={}, nothing=None, *rest):  # type: ignore[no-untyped-def]  # noqa: B006
    return given(**locals())


def values(function: Callable[..., Any], *words: str, config: dict[str, Any] | None = None) -> dict[str, Any]:
    return build_app(Component("job", function), words, config).roles[0].metadata


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--text", "b c"], "text", "b c"),
        (["--text="], "text", ""),
        (["--text=--x=1"], "text", "--x=1"),
        (["--text", "-x"], "text", "-x"),
        (["--text", "7"], "text", "7"),
        (["--number", "-3"], "number", -3),
        (["--fraction", "1e-3"], "fraction", 0.001),
        (["--flag"], "flag", True),
        (["--flag", "true"], "flag", True),
        (["--flag=Yes"], "flag", True),
        (["--flag", "1"], "flag", True),
        (["--flag", "False"], "flag", False),
        (["--no-flag"], "flag", False),
        (["--maybe", "4"], "maybe", 4),
        (["--names", "a,b c,"], "names", ["a", "b c"]),
        (["--names", ""], "names", []),
        (["--names", 'a,"b,c"'], "names", ["a", "b,c"]),
        (["--sizes", "1,2"], "sizes", [1, 2]),
        (["--env", "A=1,B=x=y"], "env", {"A": "1", "B": "x=y"}),
        (["--env", """A="1,2",'B={"a": 1}',C="""], "env", {"A": "1,2", "B": '{"a": 1}', "C": ""}),
        (["--mode", "fast"], "mode", "fast"),
        (["--max-retries", "2"], "max_retries", 2),
        (["--max_retries", "2"], "max_retries", 2),
        (["--_path", "a/b"], "_path", Path("a/b")),
        ([], "maybe", None),
    ],
)
def test_arguments_are_read_by_their_types(words: list[str], name: str, value: Any) -> None:
    read = values(typed, *words)[name]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--name", "x"], {"name": "x", "count": 1, "rest": ()}),
        (["--name", "7", "--count", "2"], {"name": 7, "count": 2}),
        (["--name", "007"], {"name": "007"}),
        (["--name", "1e3"], {"name": "1e3"}),
        (["--name", "0.25"], {"name": 0.25}),
        (["--name", "True"], {"name": True}),
        (["--name", "true"], {"name": "true"}),
        (["--name", "[1]"], {"name": "[1]"}),
        (["--name", "x", "--flag", "--ratio", "2"], {"flag": True, "ratio": 2.0}),
        (["--name", "x", "--names", "a,b", "--env", "A=1"], {"names": ["a", "b"], "env": {"A": "1"}}),
        (["--name", "x", "--nothing", "5"], {"nothing": 5}),
        (["--name", "x", "--", "7", "--flag"], {"rest": ("7", "--flag"), "flag": False}),
    ],
)
def test_defaults_tell_types_and_without_them_text_stays_as_it_is_written(
    words: list[str], expected: dict[str, Any]
) -> None:
    read = values(bare, *words)
    assert {name: read[name] for name in expected} == expected


def test_numbers_become_text_again_where_apps_have_text() -> None:
    def job(name, image, word):  # type: ignore[no-untyped-def]
        return specs.AppDef(name, [specs.Role(word, image, word, [word, "x"], {"A": word})])

    app = build_app(Component("job", job), ["--name", "12", "--image", "3", "--word", "0.5"])
    assert app == specs.AppDef("12", [specs.Role("0.5", "3", "0.5", ["0.5", "x"], {"A": "0.5"})])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--numbr", "1"], "job has no argument '--numbr'. Did you mean '--number'"),
        (["--number", "two"], "job: --number: 'two' is no int: "),
        (["--number", "1.5"], "job: --number: '1.5' is no int: "),
        (["--flag=maybe"], "job: --flag: 'maybe' is no bool: "),
        (["--maybe=x"], "job: --maybe: 'x' is no int | None: "),
        (["--sizes", "1,x"], r"job: --sizes: '1,x' is no list\[int\]: "),
        (["--env", "A"], "'A' has no `=`; write A=1,B=2"),
        (["--names", '"a'], "No closing quotation"),
        (["--mode", "slow"], "job: --mode: 'slow' is no Literal.*'fast' or 'exact'"),
        (["--text"], "--text has no value"),
        (["--text", "--number", "3"], "--text has no value. Write --text=VALUE"),
        (["--text", "a", "--text", "b"], "--text is given twice"),
        (["--no-flag=1"], "--no-flag takes no value"),
        (["--no-text"], "no argument '--no-text'"),
        (["word"], "takes no arguments without a name, but 'word' has none. Valid: --text, --number"),
        (["--", "word"], "takes no arguments without a name, but 'word' has none"),
    ],
)
def test_wrong_arguments_are_refused_with_those_that_there_are(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        values(typed, *words)


def test_the_command_line_wins_over_the_configuration_and_that_over_the_signature() -> None:
    config = {"number": 5, "text": 7, "names": ["x"], "env": {"A": 1}, "flag": "yes", "sizes": "3,4"}
    read = values(typed, "--number", "6", config=config)
    assert (read["number"], read["text"], read["fraction"]) == (6, "7", 0.5)
    assert (read["names"], read["env"], read["flag"], read["sizes"]) == (["x"], {"A": "1"}, True, [3, 4])
    assert values(bare, config={"name": "7", "rest": [1, "b"]}) | {"env": 0} == {
        "name": 7, "count": 1, "ratio": 0.5, "flag": False, "names": (), "env": 0, "nothing": None, "rest": ("1", "b"),
    }  # fmt: skip
    assert values(bare, "--name=x", "--", "c", config={"rest": ["a", "b"]})["rest"] == ("c",)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"numbr": 1}, "job has no argument 'numbr', which its configuration gives. Did you mean 'number'"),
        ({"number": "x"}, "job: number of its configuration: 'x' is no int"),
        ({"text": None}, "job: text of its configuration: None is no str"),
        ({"env": {"A": True}}, r"job: env of its configuration: .* is no dict"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        values(typed, config=config)


def test_words_after_the_first_without_a_name_are_all_for_the_program() -> None:
    def job(*args: int, j: str = "1", keep: bool = False, **more: str) -> specs.AppDef:
        return given(args=args, j=j, keep=keep, more=more)

    assert values(job, "-j", "2", "1", "2") == {"args": (1, 2), "j": "2", "keep": False, "more": {}}
    assert values(job, "-j=3", "--keep", "--", "-5")["args"] == (-5,)
    assert values(job, "-j2x4", "1")["j"] == "2x4"
    with pytest.raises(ConfigError, match="job: args: '--j' is no int"):
        values(job, "1", "--j")
    for word in ("-5", "-x", "--x"):
        with pytest.raises(
            ConfigError, match=rf"job has no argument '{word}'.* for the program itself goes after `--`"
        ):
            values(job, word)
    sh = find_component("utils.sh")
    assert build_app(sh, ["ls", "-l", "--help"]).roles[0].args[-3:] == ["ls", "-l", "--help"]
    assert not asks_for_help(sh, ["ls", "--help"]) and not asks_for_help(sh, ["--", "--help"])
    assert asks_for_help(sh, ["--image", "x", "--help"])


def test_a_component_that_fails_says_where(tmp_path: Path) -> None:
    file = tmp_path / "job.py"
    file.write_text("""import orepass.specs as specs
def fails(n: int = 0) -> specs.AppDef:
    return specs.AppDef(str(1 / n))
def text(): return "app"
def refuses():
    return specs.resource(h="gpu_0")
def torn(x: "Gone" = 0) -> specs.AppDef: ...
class Thing: ...
def odd(x: Thing = Thing()) -> specs.AppDef: return specs.AppDef("odd")
""")

    def build(name: str, *words: str) -> specs.AppDef:
        return build_app(find_component(f"{file}:{name}"), words)

    with pytest.raises(ConfigError, match=rf"fails failed: {file}, line 3: ZeroDivisionError: division by zero"):
        build("fails")
    with pytest.raises(ConfigError, match=rf"text \({file}, line 4\) returned a str, not an AppDef"):
        build("text")
    with pytest.raises(ConfigError, match=r"^No resource 'gpu_0'. Did you mean"):
        build("refuses")
    with pytest.raises(ConfigError, match=rf"The annotations of {file}:torn .*name 'Gone' is not defined"):
        build("torn")
    assert build("odd").name == "odd"
    with pytest.raises(ConfigError, match=r"--x has the type .*Thing, which cannot be written"):
        build("odd", "--x", "1")


def test_arguments_and_help_come_from_signature_and_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")

    def train(script: str, *args: str, epochs: int = 3, env: dict[str, str] | None = None) -> specs.AppDef:
        """Train a model.

        It takes 100% of a GPU.

        Args:
            script: what is run,
                as it is.
            *args: its arguments.
            epochs (int): how often.

        Returns:
            An app.
        """
        return specs.AppDef(script)

    component = Component("train", train)
    arguments = {argument.name: argument for argument in arguments_of(component)}
    assert [(one.name, one.required, one.trailing) for one in arguments.values()] == [
        ("script", True, False), ("args", False, True), ("epochs", False, False), ("env", False, False),
    ]  # fmt: skip
    assert arguments["script"].help == "what is run, as it is."
    assert (
        help_of(component)
        == """\
usage: orepass app run train --script str [arguments] [-- args...]

Train a model.

It takes 100% of a GPU.

arguments:
  --script str          what is run, as it is (required)
  args                  its arguments (str; after `--`)
  --epochs int          how often (default: 3)
  --env dict[str, str]  (default: None)

Lists are written A,B and mappings A=1,B=2; quotes keep commas, as in a shell.
"""
    )


def test_a_function_that_says_nothing_of_itself_has_help_too() -> None:
    assert "--name value" in help_of(Component("bare", bare))
    assert help_of(Component("none", lambda: specs.AppDef("a"))) == "usage: orepass app run none\n"
    made = functools.partial(typed, text="b")
    assert build_app(Component("made", made), ["--number", "4"]).roles[0].metadata["text"] == "b"
