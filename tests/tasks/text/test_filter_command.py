"""Commands as filters, on the real local scheduler."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orepass.errors import AppError, ConfigError, InputError
from orepass.tasks.apps.command import CommandOptions
from orepass.tasks.text.filter_command import FilterCommandConfig, filter_command
from orepass.tasks.text.prepared import PreparedText
from orepass.tasks.text.read_text import ReadTextConfig, TextFile, read_text
from orepass.tasks.text.tables import Columns

from .conftest import Prepare, content

LINES = ["one", "$$ ${app_id} $x", "", "drop me", "a\u2028b\x0cc"]


def through(part: PreparedText, *words: str, app: CommandOptions | None = None) -> PreparedText:
    return filter_command(FilterCommandConfig(words, app or CommandOptions()), part)


def test_what_goes_through_unchanged_is_unchanged(prepare: Prepare) -> None:
    (part,) = prepare(LINES)
    lines = ["one", "$$ ${app_id} $x", "drop me", "a b c"]
    assert content(through(part, "cat")) == (lines, [0, 1, 3, 4], {})


def test_new_text_keeps_its_row_and_its_columns(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("one\tx\ndrop me\ty\nthree\tz\n")
    (part,) = read_text(ReadTextConfig(Columns(1, 2)), TextFile(tmp_path / "a.tsv", "tsv"))
    kept = through(part, "sed", "s/^drop.*$//; s/e$/E $$/")
    assert content(kept) == (["onE $$", "threE $$"], [0, 2], {"id": ["x", "z"]})


def test_files_in_place_of_streams(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "up.py").write_text(
        "import os, sys\n"
        "source, target = (word.partition('=')[2] for word in sys.argv[1:])\n"
        "print('this is no sentence')\n"
        "with open(source, encoding='utf-8') as lines, open(target, 'w', encoding='utf-8') as out:\n"
        "    out.writelines(line.upper().replace('!', os.environ['MARK']) for line in lines)\n"
    )
    (part,) = prepare(["a!", "é"])
    app = CommandOptions(image=str(tmp_path), env={"MARK": "$$?"})
    kept = through(part, sys.executable, "up.py", "--from={input}", "--to={output}", app=app)
    assert content(kept) == (["A$$?", "É"], [0, 1], {})


def test_nothing_is_left_of_what_a_command_reads_and_writes(prepare: Prepare) -> None:
    (part,) = prepare(["a"])
    kept = through(part, "cat")
    assert sorted(path.name for path in kept.text.parent.iterdir()) == ["kept.npy", "kept.zst"]


def test_a_shard_without_sentences_needs_no_command(prepare: Prepare) -> None:
    (part,) = prepare(["a"])
    none = through(part, "tr", "-d", "a")
    assert none.lines == 0 and through(none, "false").lines == 0


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("cat; echo; echo what am I doing >&2", "wrote 3 lines for 2 sentences. It has to write exactly one line"),
        ("head -n 1; echo what am I doing >&2", "wrote 1 line for 2 sentences."),
        ("tr -d '\\n'; echo what am I doing >&2", "wrote 1 line for 2 sentences. .* ended by a line feed"),
        ("echo what am I doing >&2", "wrote 0 lines for 2 sentences."),
        ("echo what am I doing >&2; printf 'a\\n\\377\\n'", r"its output, line 2: not UTF-8 \(byte 0xff"),
    ],
)
def test_what_is_not_a_line_for_each_is_refused(prepare: Prepare, script: str, problem: str) -> None:
    (part,) = prepare(["one", "two"])
    with pytest.raises(InputError, match=problem) as refused:
        through(part, "sh", "-c", script)
    said = str(refused.value)
    assert said.startswith("The command `sh -c ") and str(part.text) in said
    assert said.endswith("what am I doing")


def test_a_command_that_fails(prepare: Prepare) -> None:
    (part,) = prepare(["one", "two"])
    with pytest.raises(AppError, match=r"The command `sh -c .*text\.0\.zst'[\s\S]*exit code 3[\s\S]*no such model"):
        through(part, "sh", "-c", "cat; echo no such model >&2; exit 3")


def test_a_command_that_is_not_there(prepare: Prepare) -> None:
    (part,) = prepare(["one"])
    with pytest.raises(ConfigError, match="'no-such-program', which is not there"):
        through(part, "no-such-program")
