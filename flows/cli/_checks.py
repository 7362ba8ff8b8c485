"""What the checks of `orepass doctor` have in common: what they find, and a question to a program."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "trouble"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: what was looked at.
        state: `trouble` is what makes runs fail, `warning` what may do so, or costs results or time.
        found: what is there.
        do: what helps, or what could be added.
    """

    check: str
    state: State
    found: str
    do: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a program said: its exit code, None if it did not end in time or did not start, and either stream."""

    code: int | None
    out: str
    err: str


def ask(*command: str, within_s: float = 8.0) -> Answer:
    """Run a program that may hang, and kill it if it does."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=within_s, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return Answer(None, "", f"{command[0]} did not answer within {within_s:.0f} s")
    except OSError as error:
        return Answer(None, "", f"{command[0]}: {error.strerror}")
    return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace").strip())
