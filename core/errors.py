"""Every error that orepass raises on purpose.

    OrepassError
    ├── ConfigError         a configuration that cannot be used; lists what is valid
    ├── UnkeyableError      a value in a configuration that cannot stand in a cache key
    ├── InputError          data that cannot be read or do not fit together; names file and line
    ├── ResultError         a module returned something that cannot be stored, or that its validation refuses
    ├── StoreError          the store cannot be read or written
    │   └── DamagedError    ... because a result in it is not as it was written
    ├── AppError            an app or a script did not succeed, or a scheduler refused it
    ├── TrainingError       the loss of a training is not a finite number
    ├── NotReadyError       a module of a pipeline cannot run yet, because others that it takes from are not done
    ├── ServerError         no Prefect server can be reached or started
    ├── SlurmError          Slurm does not answer, or refuses what it was asked
    ├── StepError           a step failed; names the step, its element and host, and ends with its log
    │   ├── StepTimeout     ... because it ran past its `timeout_min`
    │   └── StepKilled      ... because its process, its worker or its job died
    │       ├── StepOutOfMemory   ... for it used more than its `mem_gb`
    │       └── StepPreempted     ... for the cluster wanted its machine back
    └── ArrayError          an ExceptionGroup of one StepError for every element of an array that failed

Every message says what was wrong, where, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Self


class OrepassError(Exception):
    """Base of all errors raised on purpose by this library."""


class ConfigError(OrepassError, ValueError):
    """A configuration that cannot be used."""


class UnkeyableError(OrepassError, TypeError):
    """A value in a configuration that cannot stand in a cache key."""


class InputError(OrepassError, ValueError):
    """Data that cannot be read, or that do not fit together."""


class ResultError(OrepassError, TypeError):
    """A module returned something that cannot be stored, or that its own validation refuses."""


class StoreError(OrepassError, OSError):
    """The store cannot be read or written."""


class DamagedError(StoreError):
    """A stored result is not as it was written."""


class AppError(OrepassError, RuntimeError):
    """An app or a script did not succeed, or a scheduler refused it."""


class TrainingError(OrepassError, ArithmeticError):
    """The loss of a training is not a finite number."""


class NotReadyError(OrepassError, RuntimeError):
    """A module of a pipeline cannot run yet, because others that it takes something from are not done."""


class ServerError(OrepassError, RuntimeError):
    """No Prefect server can be reached or started."""


class SlurmError(OrepassError, RuntimeError):
    """Slurm does not answer, or refuses what it was asked."""


class StepError(OrepassError, RuntimeError):
    """A step failed."""


class StepTimeout(StepError):
    """A step was killed because it ran past its `timeout_min`."""


class StepKilled(StepError):
    """The process, the worker or the job that worked on a step died."""


class StepOutOfMemory(StepKilled):
    """A step was killed because it used more than its `mem_gb`."""


class StepPreempted(StepKilled):
    """A step's job was preempted or requeued, which is no fault of the step."""


class ArrayError(OrepassError, ExceptionGroup[StepError]):
    """Some elements of an array failed; the others are stored."""

    def derive(self, excs: Iterable[StepError]) -> Self:  # type: ignore[override]
        """Keep the class when the group is split (`except*`)."""
        return type(self)(self.message, list(excs))


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """A sentence that lists the valid words and names the nearest one, to end an error message with.

    Args:
        word: what was given.
        valid: what could have been given.
    """
    names = sorted(map(str, valid))
    if not names:
        return "There is none."
    near = difflib.get_close_matches(word, names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Valid: {', '.join(names)}."
