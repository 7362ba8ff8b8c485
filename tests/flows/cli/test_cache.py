from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from pathlib import Path
from typing import Any

import pytest
from command_of_tests import orepass
from example_steps import Options, single, times_ten

from orepass import Store
from orepass.upkeep import results


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(str(tmp_path / "journal"))


@pytest.fixture
def filled(store: Store, options: Options, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with two results of `times_ten`, and then one of `single`."""
    monkeypatch.setenv("COLUMNS", "300")
    asyncio.run(times_ten.schedule(options, over=[1, 2]))
    asyncio.run(single.schedule(options))
    return store


class Ended:
    """What a command said, and its exit code."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        self.code = orepass("cache", *map(str, arguments))
        self.out, self.err = capsys.readouterr()

    @property
    def json(self) -> Any:
        """The standard output."""
        return json.loads(self.out)


def keys(store: Store, module: str) -> list[str]:
    return [result.record.key for result in results(store, module)]


def table(out: str) -> list[list[str]]:
    """The words of the rows of a table."""
    rule = next(i for i, line in enumerate(out.splitlines()) if "───" in line)
    return [line.split() for line in out.splitlines()[rule + 1 :] if line.strip()]


def config_of(options: Options, **changes: object) -> str:
    return json.dumps({"journal": options.journal, **changes})


def test_list_has_the_newest_first_and_a_total(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    ended = Ended(capsys, "list")
    lines = table(ended.out)
    assert [line[0] for line in lines] == ["single", "times_ten", "times_ten"]
    assert lines[0][1] == keys(filled, "single")[0][:12]
    assert "4 B" in ended.out
    assert ended.err.startswith(f"3 results, 4 B in {filled.root}")
    ended = Ended(capsys, "list", "times_ten", "--limit", "1", "--json")
    (row,) = ended.json
    assert row["key"] in keys(filled, "times_ten") and row["bytes"] == 0 and row["started"].startswith("20")
    assert "The newest 1 of 2 results" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("list times_tem", 2, "Did you mean 'times_ten'? Valid: single, times_ten."),
        ("list --limit 0", 2, "'0' is no number from 1 on"),
        ("list --store nowhere", 2, "Check --store."),
        ("show abcdefg", 1, "`orepass cache list` shows which there are"),
        ("show times_ten/", 1, "2 results"),
        ("verify times_tem", 2, "Did you mean 'times_ten'?"),
        ("explain example_steps:single nofile.yaml", 2, "No such file: 'nofile.yaml'"),
        ("explain example_steps:single {journal:", 2, "is no YAML"),
        ("explain example_steps:single {journl:1}", 2, "No option 'journl:1' in Options"),
        ("explain example_steps:single {journal:} --element 3", 2, "takes no element"),
        ("explain example_steps:single null", 2, "Options cannot be used"),
        ("explain example_steps:nothing {}", 2, "nothing"),
        ("explain encode_and_index {}", 2, "orepass.tasks.bitext.embed_text:embed_text"),
        ("prune", 2, "Give --older-than, --keep, --module"),
        ("prune --older-than 90", 2, "36h, 90d, 2w"),
        ("prune --keep 200QB", 2, "KB, MB, GB or TB"),
        ("prune --module times_tem", 2, "Did you mean 'times_ten'?"),
        ("prune --key abcdefg", 1, "0 results"),
    ],
)
def test_what_makes_no_sense_is_told_in_words(
    filled: Store, capsys: pytest.CaptureFixture[str], arguments: str, code: int, words: str
) -> None:
    ended = Ended(capsys, *arguments.split())
    assert ended.code == code
    assert words in ended.err
    assert len(list(results(filled))) == 3


def test_show_tells_all(filled: Store, options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    (key,) = keys(filled, "single")
    ended = Ended(capsys, "show", key[:12])
    rows = table(ended.out)
    assert ["key", key] in rows
    assert ["folder", str(filled.root / "single" / key)] in rows
    assert ["config", "index_type", "Flat"] in rows
    assert ["file", "out.txt", "4", "B"] in rows
    for words in ("numpy 2", "of the processor", os.uname().nodename):
        assert words in ended.out
    document = Ended(capsys, "show", f"single/{key[:5]}", "--json").json
    assert document["config"]["journal"] == options.journal
    assert document["outputs"]["out.txt"]["size"] == document["bytes"] == 4


def test_explain_names_the_fields_that_differ(
    filled: Store, options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (key,) = keys(filled, "single")
    there = Ended(capsys, "explain", "example_steps:single", config_of(options))
    assert there.out == f"single/{key[:12]} is in the store: {filled.root / 'single' / key}\n"
    file = tmp_path / "config.json"
    file.write_text(config_of(options, index_type="PQ8", seconds=2))
    missing = Ended(capsys, "explain", "example_steps:single", file)
    assert missing.code == 0
    assert f"The nearest one is {key[:12]}; they differ in:" in missing.out
    assert table(missing.out) == [["index_type", "Flat", "PQ8"], ["seconds", "0", "2"]]
    found = Ended(capsys, "explain", "example_steps:single", file, "--json").json
    assert (found["stored"], found["nearest"]) == (False, key)
    assert found["differences"][0] == {"field": "index_type", "stored": "Flat", "asked_for": "PQ8"}
    assert "no other result of picky" in Ended(capsys, "explain", "example_steps:picky", config_of(options)).out


def test_explain_takes_an_element(filled: Store, options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("explain", "example_steps:times_ten", config_of(options), "--json", "--element")
    assert Ended(capsys, *words, "2").json["stored"]
    assert Ended(capsys, *words, "3").json["differences"][0]["field"] == "element"
    assert "is no element of times_ten" in Ended(capsys, *words, "three").err


def test_diff_tells_what_two_results_were_made_of(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = keys(filled, "times_ten")
    (row,) = Ended(capsys, "diff", first[:12], second[:12], "--json").json
    assert row["field"] == "element" and {row["first"], row["second"]} == {1, 2}
    same = Ended(capsys, "diff", first, first)
    assert (same.code, same.out, same.err) == (0, "", "They do not differ.\n")
    assert "module name" in Ended(capsys, "diff", first, keys(filled, "single")[0]).out


def test_verify_finds_what_is_damaged_and_sets_it_aside(
    filled: Store, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = Ended(capsys, "verify")
    assert (sound.code, sound.out, sound.err) == (0, "", "0 of 3 results are damaged.\n")
    (key,) = keys(filled, "single")
    path = filled.root / "single" / key / "out.txt"
    path.chmod(0o644)
    path.write_text("Plat")
    (row,) = Ended(capsys, "verify", "--json").json
    assert (row["key"], row["problem"]) == (key, "out.txt was altered")
    assert Ended(capsys, "verify", "times_ten", keys(filled, "times_ten")[0]).code == 0
    ended = Ended(capsys, "verify", key[:8])
    assert ended.code == 1 and key[:12] in ended.out and "--set-aside" in ended.err
    assert Ended(capsys, "verify", "single", "--set-aside").code == 1
    assert not path.exists() and len(list(filled.layout.set_aside.iterdir())) == 1
    assert Ended(capsys, "verify").code == 0
    assert asyncio.run(single.schedule(options)).file.read_text() == "Flat"


def test_prune_shows_and_removes_only_with_yes(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    shown = Ended(capsys, "prune", "--module", "times_ten", "--older-than", "0h")
    assert shown.code == 0
    assert all(key[:12] in shown.out for key in keys(filled, "times_ten"))
    assert "To be removed: 2 results, 0 B.\nNothing was removed. With --yes it is." in shown.err
    assert len(list(results(filled))) == 3
    states = {row["state"] for row in Ended(capsys, "prune", "--module", "times_ten", "--json").json}
    assert states == {"planned"}
    key = keys(filled, "times_ten")[0]
    (row,) = Ended(capsys, "prune", "--key", key[:12], "--json", "--yes").json
    assert (row["key"], row["state"]) == (key, "removed")
    ended = Ended(capsys, "prune", "--keep", "1KB", "--yes")
    assert "To be removed: 0 results" in ended.err
    ended = Ended(capsys, "prune", "--keep", "0", "--yes")
    assert "Removed: 2 results, 4 B." in ended.err
    assert list(results(filled)) == []


def test_prune_says_what_stayed_because_it_is_in_use(filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (key,) = keys(filled, "single")
    folder = filled.layout.in_use
    (folder / "other").write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": "1"}) + f"\nsingle/{key}\n")
    ended = Ended(capsys, "prune", "--older-than", "0h", "--yes")
    assert "Removed: 2 results, 0 B." in ended.err
    assert f"so not removed: single/{key}; 1 result, 4 B." in ended.err
    (row,) = Ended(capsys, "prune", "--key", key, "--yes", "--json").json
    assert row["state"] == "in use"


@pytest.mark.parametrize(("answer", "left"), [("yes", 0), ("no", 3)])
def test_prune_asks_at_a_terminal(
    filled: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    from orepass.flows._ending import console

    keyboard, terminal = pty.openpty()
    monkeypatch.setattr(console, "_force_terminal", True)
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        os.write(keyboard, f"{answer}\n".encode())
        assert Ended(capsys, "prune", "--keep", "0").code == 0
    os.close(keyboard)
    assert len(list(results(filled))) == left
