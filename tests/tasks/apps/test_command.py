"""Commands: what stands for one in a key, and what is known of one before it runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orepass.canonical import canonical
from orepass.digest import digest_path
from orepass.errors import ConfigError, InputError
from orepass.tasks.apps.command import CommandOptions, check_command, for_language, identity


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "clean.py").write_text("one")
    (tmp_path / "model.bin").write_text("model")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_key(*words: str, app: CommandOptions | None = None) -> object:
    return canonical(identity(words, app or CommandOptions()), digest_path)


def test_a_program_counts_by_its_content_wherever_it_is(folder: Path) -> None:
    before = in_key("python", "clean.py")
    assert in_key("python", str(folder / "clean.py")) == before
    (folder / "other").mkdir()
    (folder / "clean.py").rename(folder / "other" / "clean.py")
    assert in_key("python", "clean.py") != before
    assert in_key("python", "clean.py", app=CommandOptions(image=str(folder / "other"))) == before
    (folder / "other" / "clean.py").write_text("two")
    assert in_key("python", "other/clean.py") != before


def test_a_program_counts_by_its_name_too(folder: Path) -> None:
    (folder / "sed").write_text("one")
    assert in_key("clean.py") != in_key("sed")


def test_what_else_counts(folder: Path) -> None:
    before = in_key("cat")
    others = [
        in_key("cat", "-v"),
        in_key("cat", app=CommandOptions(env={"LC_ALL": "C"})),
        in_key("cat", app=CommandOptions(files=(Path("model.bin"),))),
        in_key("cat", app=CommandOptions(image="ubuntu:24.04")),
    ]
    assert all(other != before for other in others)
    somewhere_else = CommandOptions(
        num_cpu=4, num_gpu=1, mem_gb=9, scheduler="slurm", scheduler_options={"partition": "cpu"}, timeout_min=3
    )
    assert in_key("cat", app=somewhere_else) == before


def test_a_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(InputError, match=r"No such file or folder: .*none\.bin"):
        in_key("cat", app=CommandOptions(files=(Path("none.bin"),)))


def test_a_step_asks_for_what_the_command_needs_where_it_runs_in_the_step() -> None:
    here = CommandOptions(num_cpu=4, num_gpu=1, mem_gb=9, timeout_min=3).requirements()
    assert (here.cpus, here.gpus, here.mem_gb, here.timeout_min) == (4, 1, 9, 3)
    waits = CommandOptions(num_cpu=4, num_gpu=1, mem_gb=9, scheduler="slurm", timeout_min=3).requirements()
    assert (waits.cpus, waits.gpus, waits.timeout_min) == (1, 0, 3)
    with pytest.raises(ConfigError, match="cpus must be at least 1"):
        CommandOptions(num_cpu=0)


def test_only_what_is_set_is_shown() -> None:
    assert repr(CommandOptions()) == "CommandOptions()"
    assert repr(CommandOptions(num_cpu=2, env={"A": "b"})) == "CommandOptions(env={'A': 'b'}, num_cpu=2)"


def test_the_language_is_filled_in() -> None:
    assert for_language(("clean", "--lang={lang}", "{input}"), "de") == ("clean", "--lang=de", "{input}")


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ((), {}, r"The command is empty. Give its words as a list, such as \[python, clean\.py\]"),
        (("no-such-program",), {}, "'no-such-program', which is not there. It was looked for in .* and on the PATH"),
        (("clean.py",), {}, "cannot be executed. Use chmod"),
        (("cat",), {"scheduler": "locl"}, "No scheduler 'locl'. Did you mean 'local'"),
        (("cat",), {"scheduler": "local", "scheduler_options": {"foldr": "x"}}, "No option 'foldr' in .*'folder'"),
        (("cat",), {"image": "ubuntu:24.04"}, "image 'ubuntu:24.04', which is no folder"),
    ],
)
def test_what_cannot_run_is_told_before(
    folder: Path, words: tuple[str, ...], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_command(words, CommandOptions(**options))  # type: ignore[arg-type]


def test_a_program_in_the_folder_needs_no_path(folder: Path) -> None:
    os.chmod(folder / "clean.py", 0o755)
    check_command(("clean.py",), CommandOptions())
