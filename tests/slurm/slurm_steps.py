"""Modules for the fault tests, in a file that jobs can import."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from orepass import Requirements, module
from orepass.config import Config

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Faults(Config):
    """Options of the modules; `journal` gets a line `ELEMENT JOB` whenever a step begins."""

    journal: str
    seconds: float = 1.0
    once: float | None = None
    gate: str | None = None
    always: tuple[int, ...] = ()
    timeout_min: float | None = None


def begun(config: Faults) -> list[tuple[int, str]]:
    """Element and job of every step that has begun, in order."""
    journal = Path(config.journal)
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [(int(element), job) for element, job in map(str.split, lines)]


def begin(config: Faults, element: int) -> bool:
    """Note that an element begins; whether it does so for the first time."""
    before = [element for element, _ in begun(config)]
    with Path(config.journal).open("a") as file:
        file.write(f"{element} {os.environ['SLURM_JOB_ID']}\n")
    log.info("%d begins", element)
    return element not in before


@module(version="1", requires=Requirements(mem_gb=0.5))
def waits(config: Faults, element: int) -> int:
    """Takes `seconds`; the first time, if `once` is given, so many; and until the file `gate` exists."""
    first = begin(config, element)
    while config.gate is not None and not Path(config.gate).exists():
        time.sleep(0.1)
    time.sleep(config.once if first and config.once is not None else config.seconds)
    return element * 10


@module(version="1", requires=Requirements(mem_gb=0.5))
def kills_its_worker(config: Faults, element: int) -> int:
    """Elements in `always` kill the Dask worker, which is the parent of the parent of the process of a step."""
    begin(config, element)
    if element in config.always:
        status = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2]
        os.kill(int(status.split()[1]), signal.SIGKILL)
    time.sleep(config.seconds)
    return element * 10


@module(version="1", requires=Requirements(mem_gb=0.5))
def eats(config: Faults, element: int) -> int:
    """Uses `element` MiB for `seconds`."""
    begin(config, element)
    eaten = bytearray(element << 20)
    time.sleep(config.seconds)
    return len(eaten) >> 20
