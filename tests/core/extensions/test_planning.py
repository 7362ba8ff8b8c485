"""Which state of a source is installed, what of it is said, and where it goes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from extensions_of_tests import MakeProject, MakeWheel, git

from orepass.errors import ConfigError
from orepass.extensions import Planned, install, plan, read_extensions


def planned(value: str | Path, module: str = "my_ext") -> Planned:
    return plan(read_extensions({module: str(value)}))[0]


def digest(value: str | Path) -> str:
    return planned(value).place.digest


def test_a_folder_is_its_content(project: MakeProject) -> None:
    first, second = project("a"), project("b")
    assert digest(first) == digest(second)
    (second / "my_ext/__init__.py").write_text("ANSWER = 43\n")
    assert digest(first) != digest(second)


def test_caches_and_what_builds_leave_are_not_content(project: MakeProject) -> None:
    folder = project()
    before = digest(folder)
    for name in ("my_ext/__pycache__", ".git", "build/lib", "my_extension_pkg.egg-info"):
        (folder / name).mkdir(parents=True)
        (folder / name / "something.pyc").touch()
    assert digest(folder) == before
    (folder / "my_ext/build").mkdir()
    (folder / "my_ext/build/__init__.py").touch()
    assert digest(folder) != before


def test_a_folder_that_is_linked_into_itself_is_refused(project: MakeProject) -> None:
    folder = project()
    (folder / "my_ext/again").symlink_to(folder)
    with pytest.raises(ConfigError, match=r"Remove the link"):
        planned(folder)


def test_a_branch_is_the_commit_that_it_is_now(
    project: MakeProject, github: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    folder = project("work")
    github(folder)
    commit = git(folder, "rev-parse", "HEAD")
    pin = f"https://github.com/user/repo/tree/{commit}"
    with caplog.at_level(logging.WARNING):
        bare = planned("https://github.com/user/repo")
        assert bare.resolved.shown == pin
        assert f"my_ext: {pin}" in caplog.text
        caplog.clear()
        assert planned(pin).place == bare.place == planned("https://github.com/user/repo.git/tree/main").place
    assert len(caplog.records) == 1  # for the branch, none for the commit
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Go on")
    assert planned("https://github.com/user/repo").place != bare.place


def test_where_the_name_of_a_branch_ends(project: MakeProject, github: Callable[[Path], None]) -> None:
    folder = project("work/some/where").parent.parent
    github(folder)
    first = git(folder, "rev-parse", "HEAD")
    git(folder, "branch", "feature/a")
    git(folder, "tag", "--annotate", "v1", "--message", "First")
    git(folder, "tag", "feature/a/some")
    git(folder, "checkout", "--quiet", "--detach")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Go on")
    at_first = f"https://github.com/user/repo/tree/{first}/some/where"
    for name in ("main", "feature/a", "v1"):
        assert planned(f"https://github.com/user/repo/tree/{name}/some/where").resolved.shown == at_first
    for name, why in (
        ("featur/a", "Do you mean 'feature/a'?"),
        ("zzz", "Valid: "),
        (first[:8], "give all of its 40 digits"),
    ):
        with pytest.raises(ConfigError) as caught:
            planned(f"https://github.com/user/repo/tree/{name}/some/where")
        assert why in str(caught.value)


def test_a_repository_that_cannot_be_read(github: Callable[[Path], None], project: MakeProject) -> None:
    github(project("work"))
    with pytest.raises(ConfigError, match=r"Cannot read https://github.com/user/other: .*insteadOf"):
        planned("https://github.com/user/other")


def test_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(ConfigError, match=r"git is needed for https://github.com/user/repo, and is not on the PATH"):
        planned("https://github.com/user/repo")


def test_a_version_is_asked_of_nobody(index: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert planned("py-extensions==1.0").resolved.shown == "py-extensions==1.0"
    assert not caplog.records


@pytest.mark.parametrize(("text", "version"), [("py-extensions", "2.0"), ("py-extensions[fast]<2", "1.5")])
def test_a_range_is_the_version_that_the_index_has_for_it(
    text: str, version: str, wheel: MakeWheel, caplog: pytest.LogCaptureFixture
) -> None:
    for one in ("1.0", "1.5", "2.0"):
        wheel("py-extensions", one, {"my_ext": ""}, extras=["fast"])
    exact = text.rstrip("<2") + f"=={version}"
    assert planned(text).resolved.shown == exact
    assert f"my_ext: {exact}" in caplog.text
    assert digest(text) == digest(exact)


def test_a_range_that_the_index_has_nothing_for(wheel: MakeWheel) -> None:
    wheel("py-extensions", "1.0", {"my_ext": ""})
    with pytest.raises(ConfigError, match=r"^Extension my_ext: (uv|pip) cannot install py-extensions>2"):
        planned("py-extensions>2")


def test_what_the_environment_has_is_no_extension(project: MakeProject) -> None:
    with pytest.raises(ConfigError, match=r"there is a module of this name at .*Uninstall or rename"):
        planned(project(modules={"numpy": ""}), "numpy")
    with pytest.raises(ConfigError, match=r"numpy .* is in your environment already \(modules: numpy"):
        planned("numpy==2.0", "my_ext")


def test_an_extension_that_is_worked_on_may_be_on_the_path(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project()
    monkeypatch.syspath_prepend(folder)
    assert not planned(folder).there
    assert install([planned(folder)])[0].own == folder
    with pytest.raises(ConfigError, match=r"there is a module of this name"):
        planned(project("another", version="2.0.0"))
