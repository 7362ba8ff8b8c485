"""Modules for tests, in a file that worker processes can import."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from orepass import Requirements, get_env, module, progress, set_env, workdir
from orepass.config import Config

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options(Config):
    """Options of the example modules; `journal` gets a line whenever a step really runs."""

    journal: str
    index_type: str = "Flat"
    source: Path | None = None
    seconds: float = 0.0
    failing: tuple[int, ...] = ()
    timeout_min: float | None = None
    mem_gb: float = 1.0
    holds_gb: float = 0.0


@dataclass(frozen=True)
class Written:
    """A result with a file."""

    file: Path
    size: int


def note(config: Options, line: object) -> None:
    """Leave a trace that the step ran, from whichever process."""
    with open(config.journal, "a") as journal:
        journal.write(f"{line}\n")


@module(version="1")
def single(config: Options) -> Written:
    note(config, config.index_type)
    time.sleep(config.seconds)
    file = workdir() / "out.txt"
    file.write_text(config.index_type)
    return Written(file, len(config.index_type))


@module(version="1")
def times_ten(config: Options, element: int) -> int:
    note(config, element)
    time.sleep(config.seconds)
    if element in config.failing:
        log.info("about to fail on %d", element)
        raise ValueError(f"no good: {element}")
    return element * 10


@module(version="1")
def flaky(config: Options, element: int) -> int:
    """Fails the first time that it runs for an element in `failing`."""
    first = element not in map(int, Path(config.journal).read_text().split()) if Path(config.journal).exists() else True
    note(config, element)
    if first and element in config.failing:
        raise ValueError(f"the first time: {element}")
    return element


@module(version="1")
def reads_file(config: Options) -> str:
    note(config, "read")
    assert config.source is not None
    return config.source.read_text()


@module(version="1", validate=lambda output, config, element: output != "refused")
def picky(config: Options) -> str:
    note(config, "picky")
    return config.index_type


@module(version="1")
def talks(config: Options, element: int) -> int:
    log.info("hello from %d", element)
    print("printed by", element)
    with progress(4, "talk", unit="words") as advance:
        for _ in range(4):
            time.sleep(0.3)
            advance(1)
    return element


@module(version="1")
def dies(config: Options, element: int) -> int:
    if element in config.failing:
        log.info("last words of %d", element)
        os.kill(os.getpid(), signal.SIGKILL)
    return element


@module(version="1")
def sleeps_in_c(config: Options) -> int:
    """Sleeps in a C call that no Python exception can interrupt."""
    note(config, os.getpid())
    log.info("going to sleep")
    return int(ctypes.PyDLL(None).usleep(int(config.seconds * 1e6)))


@module(version="1", requires=Requirements(cpus=10_000))
def takes_all_cores(config: Options, element: int) -> int:
    note(config, f"begin {element}")
    time.sleep(0.3)
    note(config, f"end {element}")
    return element


@module(version="1", requires=lambda config: Requirements(mem_gb=config.mem_gb))
def hoards(config: Options, element: int) -> int:
    """Holds some memory for as long as it takes to be seen."""
    log.info("about to hold %.2f GiB", config.holds_gb)
    held = b"x" * int(config.holds_gb * 2**30)
    time.sleep(3)
    return len(held) * element


@module(version="1", requires=Requirements(gpus=1))
def takes_gpu(config: Options, element: int) -> str:
    time.sleep(0.5)
    return os.environ["CUDA_VISIBLE_DEVICES"]


@module(version="1")
def takes_no_gpu(config: Options, element: int) -> str:
    return os.environ.get("CUDA_VISIBLE_DEVICES", "unset")


@module(version="1")
def where(config: Options, element: int) -> list[str]:
    env = get_env()
    set_env(commit="changed by a step")
    return [os.getcwd(), str(env.resources.get("data")), str(env.commit)]


@module(version="1")
def hosts(config: Options, element: int) -> list[str]:
    return list(get_env().hosts)


@module(version="1")
def starts_processes(config: Options, element: int) -> int:
    from multiprocessing import get_context

    with get_context("fork").Pool(2) as pool:
        return sum(pool.map(abs, [-element, element]))
