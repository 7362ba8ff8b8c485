"""uv and pip, and what is asked of them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from packaging.version import InvalidVersion, Version

from orepass.errors import ConfigError
from orepass.extensions.distributions import environment_path, versions
from orepass.extensions.places import is_inside

_CHANGE = re.compile(r"^ \+ (.+)$", re.MULTILINE)


class Installer(Protocol):
    """A program that installs packages."""

    def missing(self, requirements: Sequence[str]) -> list[str]:
        """What the environment lacks for some requirements, theirs too, as requirements of one version each.

        Nothing that the environment has is replaced by another version.

        Raises:
            ConfigError: it cannot be had.
        """
        ...

    def install(self, requirements: Sequence[str], folder: Path) -> None:
        """Install packages, without what they require, into a folder.

        Raises:
            ConfigError: they cannot be had, or not be built.
        """
        ...


@dataclass(frozen=True)
class Uv:
    """uv, which reads its own settings (`UV_...`, `uv.toml`)."""

    program: str

    def missing(self, requirements: Sequence[str]) -> list[str]:
        """See `Installer`."""
        with _constraints() as constraints:
            # Nothing is written, so a system's environment that only its own packager may change is no matter.
            options = ["--dry-run", "--break-system-packages", "--constraints", constraints]
            return _CHANGE.findall(self._run([*options, *requirements], requirements))

    def install(self, requirements: Sequence[str], folder: Path) -> None:
        """See `Installer`."""
        self._run(["--no-deps", "--target", str(folder), *requirements], requirements)

    def _run(self, arguments: list[str], requirements: Sequence[str]) -> str:
        command = [self.program, "pip", "install", "--python", sys.executable, "--color", "never", "--no-progress"]
        return _run("uv", [*command, *arguments], requirements)


@dataclass(frozen=True)
class Pip:
    """The environment's own pip, which reads its own settings (`PIP_...`, `pip.conf`)."""

    def missing(self, requirements: Sequence[str]) -> list[str]:
        """See `Installer`."""
        with _constraints() as constraints, tempfile.NamedTemporaryFile() as report:
            options = ["--dry-run", "--constraint", constraints, "--report", report.name]
            self._run([*options, *requirements], requirements)
            return [_exactly(one) for one in json.load(report)["install"]]

    def install(self, requirements: Sequence[str], folder: Path) -> None:
        """See `Installer`."""
        # A site where everybody installs into their home says so in pip's settings.
        self._run(["--no-user", "--no-deps", "--target", str(folder), *requirements], requirements)

    def _run(self, arguments: list[str], requirements: Sequence[str]) -> None:
        # Not --quiet, with which it does not say which versions are in conflict.
        options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
        _run("pip", [sys.executable, "-P", "-m", "pip", "install", *options, *arguments], requirements)


def choose_installer() -> Installer:
    """The uv that somebody put beside this Python or on the PATH, else pip.

    Raises:
        ConfigError: there is neither.
    """
    here = os.path.dirname(sys.executable)
    uv = shutil.which("uv", path=os.pathsep.join([here, os.environ.get("PATH", os.defpath)]))
    if uv is not None:
        return Uv(uv)
    if importlib.util.find_spec("pip") is not None:
        return Pip()
    raise ConfigError("Extensions are installed with uv or pip, and neither is here. Install one: python -m ensurepip")


def _exactly(item: dict[str, object]) -> str:
    """One item of pip's report as a requirement (https://pip.pypa.io/en/stable/reference/installation-report/)."""
    metadata, source = item["metadata"], item["download_info"]
    assert isinstance(metadata, dict) and isinstance(source, dict)
    if not item.get("is_direct"):
        return f"{metadata['name']}=={metadata['version']}"
    repository = source.get("vcs_info")
    if repository is None:
        return f"{metadata['name']} @ {source['url']}"
    inside = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
    return f"{metadata['name']} @ {repository['vcs']}+{source['url']}@{repository['commit_id']}{inside}"


@contextmanager
def _constraints() -> Iterator[str]:
    """A file with what the environment has, which is to stay as it is."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        for name, version in versions(environment_path()).items():
            with suppress(InvalidVersion):  # which uv and pip would not read either
                file.write(f"{name}=={Version(version)}\n")
        file.flush()
        yield file.name


def _run(name: str, command: list[str], requirements: Sequence[str]) -> str:
    """Run it without extensions on its path; returns what it says."""
    environment = dict(os.environ)
    path = [place for place in environment.pop("PYTHONPATH", "").split(os.pathsep) if place and not is_inside(place)]
    if path:
        environment["PYTHONPATH"] = os.pathsep.join(path)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = "\n".join(filter(None, [done.stdout.strip()[-2000:], done.stderr.strip()[-2000:]]))
        raise ConfigError(
            f"{name} cannot install {', '.join(requirements)}. It said:\n{said}\n"
            "What it needs must fit the versions that your environment has, which stay as they are."
        )
    return done.stderr
