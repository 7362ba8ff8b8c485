from __future__ import annotations

from pathlib import Path

import pytest

from orepass.errors import ConfigError
from orepass.extensions import read_extensions
from orepass.extensions.folder_source import FolderSource
from orepass.extensions.github_source import GitHubSource
from orepass.extensions.package_source import PackageSource

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def source_of(value: str, folder: Path = Path()) -> object:
    return read_extensions({"my_ext": value}, folder)[0].source


@pytest.mark.parametrize(
    ("address", "tree"),
    [
        ("https://github.com/user/repo", ""),
        ("https://github.com/user/repo/", ""),
        ("https://github.com/user/repo.git", ""),
        ("https://www.github.com/user/repo", ""),
        ("http://github.com/user/repo", ""),
        ("HTTPS://GitHub.com/user/repo", ""),
        ("github.com/user/repo", ""),
        ("www.github.com/user/repo.git", ""),
        ("https://github.com/user/repo/tree/main", "main"),
        ("https://github.com/user/repo/tree/main/", "main"),
        ("https://github.com/user/repo/tree/main/path/to/extension", "main/path/to/extension"),
        ("https://github.com/user/repo/tree/feature/a/path", "feature/a/path"),
        ("https://github.com/user/repo/tree/feature%2Fa/path", "feature/a/path"),
        ("https://github.com/user/repo/tree/v1.0.0", "v1.0.0"),
        (f"https://github.com/user/repo/tree/{COMMIT}/path", f"{COMMIT}/path"),
    ],
)
def test_addresses(address: str, tree: str) -> None:
    assert source_of(address) == GitHubSource("user", "repo", tree)


def test_names_of_repositories_with_dots_and_dashes() -> None:
    assert source_of("https://github.com/a-user/my.repo-1_x") == GitHubSource("a-user", "my.repo-1_x")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("https://github.com", "does not name a user and a repository"),
        ("https://github.com/user", "does not name a user and a repository"),
        ("https://github.com/us er/repo", "does not name a user"),
        ("https://github.com/user/.git", "does not name a repository"),
        ("https://github.com/user/repo/tree", "not a folder of a repository"),
        ("https://github.com/user/repo/pull/3", "not a folder of a repository"),
        ("https://github.com/user/repo/tree/main/../x", "not a folder of a repository"),
        ("https://github.com/user/repo/tree/main//x", "not a folder of a repository"),
        ("https://github.com/user/repo/blob/main/setup.py", "is a file"),
        ("https://github.com/user/repo.git@v1", "write https://github.com/user/repo/tree/v1"),
        ("https://github.com/user/repo?tab=readme", "leave out"),
        ("https://github.com/user/repo#egg=x", "leave out"),
        ("https://token@github.com/user/repo", "git knows credentials"),
        ("https://github.com:8443/user/repo", "no user, password or port"),
        ("https://[github.com/user/repo", "not an address"),
        ("https://gitlab.com/user/repo", "not on github.com"),
        ("https://github.com.example.org/user/repo", "not on github.com"),
        ("git@github.com:user/repo.git", "insteadOf"),
        ("ssh://git@github.com/user/repo", "insteadOf"),
        ("git+ssh://git@github.com/user/repo", "insteadOf"),
        ("git+https://github.com/user/repo", "begin with https://"),
        ("ftp://github.com/user/repo", "begin with https://"),
        ("file:///home/user/extension", "by its path"),
    ],
)
def test_other_addresses_are_refused_in_words(address: str, why: str) -> None:
    with pytest.raises(ConfigError, match=r"^Extension my_ext: ") as caught:
        source_of(address)
    assert why in str(caught.value)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "py-extensions==1.0",
        "py-extensions",
        "py_extensions[fast,plots]>=1.0,<2",
        "py-extensions ~= 1.4",
        f"py-extensions @ git+https://gitlab.com/user/repo@{COMMIT}",
        f"py-extensions@git+https://gitlab.com/user/repo@{COMMIT}#subdirectory=a",
        "py-extensions[fast] @ https://example.org/py_extensions-1.0-py3-none-any.whl#sha256=00ff",
    ],
)
def test_requirements(text: str) -> None:
    assert isinstance(source_of(text), PackageSource)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("py-extensions=1.0", "is not a requirement"),
        ("py extensions", "is not a requirement"),
        ("py-extensions==", "is not a requirement"),
        ("py-extensions==1.0; python_version > '3'", "leave out what follows the ';'"),
        ("py-extensions @ git+https://gitlab.com/user/repo@main", "40 digits of a commit"),
        ("py-extensions @ https://example.org/py_extensions-1.0.tar.gz", "#sha256="),
    ],
)
def test_other_requirements_are_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=r"^Extension my_ext: ") as caught:
        source_of(text)
    assert why in str(caught.value)


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("documents/extension", "home/ours"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "setup.py").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    beside = FolderSource(tmp_path / "documents/extension")
    for text in ("./extension", "../documents/extension/", str(beside.folder)):
        assert source_of(text, tmp_path / "documents") == beside
    assert source_of("~/ours", tmp_path) == FolderSource(tmp_path / "home/ours")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("./missing", "There is no folder './missing'"),
        ("./empty", "neither a pyproject.toml nor a setup.py"),
        ("./outer", "Do you mean 'inner' in it?"),
        ("./file", "is not a folder"),
        ("empty", "Write './empty', or 'empty==VERSION'"),
        ("", "is no source"),
        (1.0, "is no source"),
        (None, "is no source"),
    ],
)
def test_what_is_no_source(value: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "outer/inner").mkdir(parents=True)
    (tmp_path / "outer/inner/pyproject.toml").touch()
    with pytest.raises(ConfigError, match=r"^Extension my_ext: ") as caught:
        source_of(value, tmp_path)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("my-extension-pkg", "not the package's name. It probably is 'my_extension_pkg'."),
        ("my_ext.trainers", "It probably is 'my_ext'."),
        ("1st", "top-level module's name"),
        ("class", "top-level module's name"),
        ("", "top-level module's name"),
        (3, "as text"),
        ("json", "Python has a module of this name"),
        ("orepass", "this library has a module of this name"),
    ],
)
def test_keys_are_names_of_modules(key: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_extensions({key: "py-extensions==1.0"})
    assert why in str(caught.value)


def test_a_list_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a mapping"):
        read_extensions(["py-extensions==1.0"])  # type: ignore[arg-type]
