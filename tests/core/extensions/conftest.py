from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import tiny_backend
from extensions_of_tests import MakeProject, MakeWheel, git


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where extensions are installed in this test; afterwards this process knows none of them."""
    folder = tmp_path / "installed extensions"
    monkeypatch.setenv("OREPASS_EXTENSIONS", str(folder))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where uv and pip look for packages: a folder of wheels."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": folder,
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": folder,
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return folder


@pytest.fixture
def project(tmp_path: Path, index: Path) -> MakeProject:
    """Make an extension's folder: its place, and by default a package `my-extension-pkg` with the module `my_ext`."""

    def make(
        place: str = "extension",
        modules: Mapping[str, str] = {"my_ext": "ANSWER = 42\n"},
        name: str = "my-extension-pkg",
        version: str = "1.0.0",
        requires: Sequence[str] = (),
    ) -> Path:
        folder = tmp_path / place
        for module, text in modules.items():
            (folder / module).mkdir(parents=True)
            (folder / module / "__init__.py").write_text(text)
        shutil.copy(tiny_backend.__file__, folder)
        (folder / "package.json").write_text(json.dumps({"name": name, "version": version, "requires": list(requires)}))
        (folder / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "tiny_backend"\nbackend-path = ["."]\n'
        )
        return folder

    return make


@pytest.fixture
def wheel(index: Path) -> MakeWheel:
    """Put a package into the index: its name and version, its modules, what it requires."""

    def make(
        name: str, version: str, modules: Mapping[str, str], requires: Sequence[str] = (), extras: Sequence[str] = ()
    ) -> Path:
        files = {f"{module}/__init__.py": text for module, text in modules.items()}
        return tiny_backend.write_wheel(index, name, version, files, list(requires), tuple(extras))

    return make


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let a folder be the repository https://github.com/user/repo, by git's rewriting of addresses."""
    for name, value in {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{(tmp_path / 'mirror').as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        **{f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }.items():
        monkeypatch.setenv(name, value)

    def serve(folder: Path) -> None:
        git(folder, "init", "--quiet", "--initial-branch", "main")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", "Begin")
        (tmp_path / "mirror/user").mkdir(parents=True)
        (tmp_path / "mirror/user/repo").symlink_to(folder)

    return serve
