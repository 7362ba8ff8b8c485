"""What tests of extensions share beside their fixtures."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

MakeProject = Callable[..., Path]
"""Makes an extension's folder."""
MakeWheel = Callable[..., Path]
"""Puts a package into the index."""


def git(folder: Path, *arguments: str) -> str:
    """What git says in a folder."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
