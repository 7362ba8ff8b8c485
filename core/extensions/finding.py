"""Whether the module that an extension declares is the one that is found."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from orepass.errors import ConfigError
from orepass.extensions.distributions import environment_path
from orepass.extensions.places import is_inside

_IMPORTED_WITHIN_S = 600


def check_not_elsewhere(module: str, own: Iterable[Path], path: Sequence[str] | None = None) -> None:
    """Refuse an extension whose module is found in another place first.

    Args:
        module: the extension's top-level module.
        own: places where it may well be found, because they are the extension.
        path: where modules are looked for; the environment.

    Raises:
        ConfigError: it is found elsewhere.
    """
    spec = PathFinder.find_spec(module, environment_path() if path is None else path)
    place = _place(spec)
    if place is None or is_in(place, own):
        return
    if is_inside(str(place)):
        raise ConfigError(
            f"Extension {module}: {place} would be used instead. Declare it before the extension that requires it; "
            "if it only was changed, start a new process (in a notebook, restart the kernel)."
        )
    raise ConfigError(
        f"Extension {module}: there is a module of this name at {place} already, which would be used in its place. "
        "Uninstall or rename that one, or take the extension out of the document."
    )


def is_in(file: Path, own: Iterable[Path]) -> bool:
    """Whether a module's file is in one of some folders, and not only in an environment that somebody made in it."""
    place = Path(os.path.realpath(file))
    inside = [place.relative_to(root) for one in own if place.is_relative_to(root := os.path.realpath(one))]
    return any("site-packages" not in one.parts for one in inside)


def check_import(module: str, packages: Path, own_modules: Sequence[str]) -> None:
    """Import an extension's module in a process of its own.

    Args:
        module: the module.
        packages: the folder that its package is in.
        own_modules: the modules that the package has.

    Raises:
        ConfigError: it has no such module, or importing it fails.
    """
    if module not in own_modules:
        listed = ", ".join(own_modules) or "none"
        raise ConfigError(
            f"the package has no top-level module {module!r}. It has: {listed}. "
            "The key is the module's name, as in `import NAME`, not the package's name."
        )
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(packages)]))
    with tempfile.TemporaryDirectory() as elsewhere:
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", f"import {module}"],
                cwd=elsewhere,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_IMPORTED_WITHIN_S,
            )
        except subprocess.TimeoutExpired:
            raise ConfigError(
                f"`import {module}` did not end within {_IMPORTED_WITHIN_S} s. "
                "A module should do no work when it is imported."
            ) from None
    if done.returncode:
        raise ConfigError(
            f"`import {module}` fails:\n{done.stderr.strip()[-3000:]}\n"
            "A package that is missing here belongs into what the extension requires (its `dependencies` or "
            "`install_requires`)."
        )


def _place(spec: ModuleSpec | None) -> Path | None:
    """The file of a module; None for a folder without `__init__.py`, which any module of that name goes before."""
    if spec is None or spec.origin is None:
        return None
    return Path(os.path.realpath(spec.origin))
