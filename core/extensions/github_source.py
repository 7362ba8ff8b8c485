"""Extensions from a folder of a GitHub repository."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orepass.errors import ConfigError
from orepass.extensions.git import fetch_commit, remote_refs
from orepass.extensions.sources import Resolved, check_project

_FORMS = "https://github.com/USER/REPO or https://github.com/USER/REPO/tree/BRANCH/PATH/TO/EXTENSION"
_HOSTS = ("github.com", "www.github.com")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")


@dataclass(frozen=True)
class GitHubSource:
    """A repository, and what comes after `/tree/` in its address: a branch, tag or commit, and a folder in it.

    A branch may have slashes in its name, so where the name ends is known only from the repository.
    """

    user: str
    repo: str
    tree: str = ""

    @property
    def url(self) -> str:
        """The repository's address, also for git."""
        return f"https://github.com/{self.user}/{self.repo}"

    def resolve(self) -> Resolved:
        """Ask the repository for the commit, unless the address has it."""
        first, _, rest = self.tree.partition("/")
        if _COMMIT.fullmatch(first):
            return self._at(first, rest, pinned=True)
        refs = remote_refs(self.url)
        if self.tree:
            return self._at(*self._split(refs), pinned=False)
        if "HEAD" not in refs:
            raise ConfigError(f"{self.url} has no commits. Push the extension to it.")
        return self._at(refs["HEAD"], "", pinned=False)

    def _at(self, commit: str, path: str, pinned: bool) -> Resolved:
        shown = f"{self.url}/tree/{commit}" + (f"/{path}" if path else "")
        # Upper and lower case are the same to GitHub in the names of users and repositories, not in those of files.
        identity = f"github {self.user}/{self.repo}".lower() + f" {commit} {path}"
        return Resolved(shown, identity, partial(self._fetch, commit, path), pin=None if pinned else shown)

    def _fetch(self, commit: str, path: str, target: Path) -> str:
        fetch_commit(self.url, commit, target)
        check_project(target / path, f"{path or 'The repository'} in {self.url} at commit {commit}")
        return str(target / path)

    def _split(self, refs: Mapping[str, str]) -> tuple[str, str]:
        """The commit and the folder that `tree` stands for; of a branch and a tag of one name, the branch."""
        parts = self.tree.split("/")
        # Git has no branch `a/b` beside a branch `a`, so there is one at most.
        for kind in ("refs/heads/", "refs/tags/"):
            for length in range(1, len(parts) + 1):
                name = "/".join(parts[:length])
                if kind + name in refs:
                    return refs[kind + name], "/".join(parts[length:])
        if _SHORT_COMMIT.fullmatch(parts[0]):
            raise ConfigError(
                f"{self.url} has no branch or tag {parts[0]!r}. If that is a commit, give all of its 40 digits."
            )
        names = [ref.split("/", 2)[2] for ref in refs if ref.startswith("refs/")]
        near = difflib.get_close_matches(parts[0], names) or difflib.get_close_matches(self.tree, names)
        hint = f"Do you mean {near[0]!r}?" if near else f"Valid: {', '.join(sorted(names)[:10])}."
        raise ConfigError(f"{self.url} has no branch or tag that {self.tree!r} begins with. {hint}")


def parse_github(address: str) -> GitHubSource:
    """Read the address of a repository on GitHub or of a folder in it, as a browser shows it.

    Raises:
        ConfigError: it is no such address.
    """
    try:
        url = urlsplit(address)
        host = url.hostname or ""
    except ValueError as error:
        raise ConfigError(f"{address!r} is not an address: {error}. Write {_FORMS}.") from None
    if url.scheme not in ("http", "https"):
        raise ConfigError(f"{address!r}: {_other_scheme(url.scheme)}")
    if host not in _HOSTS:
        raise ConfigError(
            f"{address!r} is not on github.com. Clone it and give the folder, or write a requirement with the commit: "
            "NAME @ git+https://HOST/REPO@COMMIT."
        )
    if url.username or url.password or url.port:
        raise ConfigError(f"An address on {host} has no user, password or port. git knows credentials. Write {_FORMS}.")
    if url.query or url.fragment:
        raise ConfigError(f"{address!r}: leave out what follows the '?' or '#'. Write {_FORMS}.")
    return _from_path(address, [unquote(part) for part in url.path.strip("/").split("/")])


def _from_path(address: str, parts: list[str]) -> GitHubSource:
    if len(parts) < 2 or not re.fullmatch(r"[\w-]+", parts[0]):
        raise ConfigError(f"{address!r} does not name a user and a repository. Write {_FORMS}.")
    repo, at, revision = parts[1].partition("@")
    repo = repo.removesuffix(".git")
    if at:
        raise ConfigError(f"{address!r}: write {_address(parts[0], repo)}/tree/{revision} for a branch, tag or commit.")
    if not re.fullmatch(r"[\w.-]+", repo) or repo in (".", ".."):
        raise ConfigError(f"{address!r} does not name a repository. Write {_FORMS}.")
    if len(parts) == 2:
        return GitHubSource(parts[0], repo)
    if parts[2] == "blob":
        raise ConfigError(f"{address!r} is a file. Give its folder: {_address(parts[0], repo)}/tree/BRANCH/FOLDER.")
    if parts[2] != "tree" or len(parts) == 3 or not {"", ".", ".."}.isdisjoint(parts[3:]):
        raise ConfigError(f"{address!r} is not a folder of a repository. Write {_FORMS}.")
    return GitHubSource(parts[0], repo, "/".join(parts[3:]))


def _address(user: str, repo: str) -> str:
    return f"https://github.com/{user}/{repo}"


def _other_scheme(scheme: str) -> str:
    if scheme == "file":
        return "give a local folder by its path, without file://."
    if scheme in ("ssh", "git", "git+ssh"):
        return (
            f"addresses begin with https://. Write {_FORMS}; to have git go there by ssh, tell git: "
            "git config --global url.git@github.com:.insteadOf https://github.com/"
        )
    return f"addresses begin with https://. Write {_FORMS}."
