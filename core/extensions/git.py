"""What is asked of git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from orepass.errors import ConfigError

_ANSWERS_WITHIN_S = 120
_FETCHES_WITHIN_S = 1800
# In a hook of git these speak of another repository.
_OF_A_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")


def remote_refs(url: str) -> dict[str, str]:
    """The commits of a repository's `HEAD`, branches (`refs/heads/...`) and tags (`refs/tags/...`).

    Raises:
        ConfigError: the repository cannot be read.
    """
    said = _git(["ls-remote", url, "HEAD", "refs/heads/*", "refs/tags/*"], url, _ANSWERS_WITHIN_S)
    refs = {ref: commit for commit, _, ref in (line.partition("\t") for line in said.splitlines())}
    # A tag with a message is an object of its own, listed beside the commit that it stands for.
    peeled = {ref.removesuffix("^{}"): commit for ref, commit in refs.items() if ref.endswith("^{}")}
    return {ref: commit for ref, commit in (refs | peeled).items() if not ref.endswith("^{}")}


def fetch_commit(url: str, commit: str, folder: Path) -> None:
    """Put the files of one commit into a new folder, without the history.

    Raises:
        ConfigError: the repository cannot be read or has no such commit.
    """
    folder.mkdir(parents=True)
    for command in (
        ["init", "--quiet"],
        ["fetch", "--quiet", "--depth", "1", url, commit],
        ["checkout", "--quiet", "FETCH_HEAD"],
    ):
        _git(["-C", str(folder), *command], f"commit {commit} of {url}", _FETCHES_WITHIN_S)


def _git(arguments: list[str], what: str, timeout_s: float) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}
    # Asked for a repository that is not there, GitHub wants a password.
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-c", "advice.detachedHead=false", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, timeout=timeout_s
        )
    except OSError:
        raise ConfigError(f"git is needed for {what}, and is not on the PATH. Install it.") from None
    except subprocess.TimeoutExpired:
        raise ConfigError(f"Cannot read {what}: no answer within {timeout_s:g} s. Check the network.") from None
    if done.returncode:
        said = " ".join(done.stderr.split()).rstrip(".") or f"git ended with {done.returncode}"
        raise ConfigError(
            f"Cannot read {what}: {said}. Check the address, and whether `git ls-remote` can read it: a private "
            "repository needs git's own credentials, a mirror git's `url.<base>.insteadOf`."
        )
    return done.stdout
