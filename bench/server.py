"""How long the next flow waits for a Prefect server that still works off an array: on SQLite and on PostgreSQL.

    python bench/server.py [RUNS]

Starts a server for each run. Needs root and Debian's `postgresql`, which is run as its own user with data of its own.
"""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
import asyncio
import functools
import statistics
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from _measure import Runs, Variant, main, seconds
from prefect import flow

from orepass import Store, module, use_store
from orepass.blocks.launchers import make_launcher
from orepass.server import prefect_server

sys.path.append(str(Path(__file__).parent.parent / "tests" / "examples"))
from servers_of_tests import postgres, postgres_programs, prefect_server_on

ELEMENTS = 2_000


@dataclass(frozen=True)
class TrivialConfig:
    """Nothing to configure."""


@module(name="bench_server_trivial")
def trivial(config: TrivialConfig, element: int) -> int:
    """Do nothing."""
    return element


@flow
async def array() -> None:
    """Schedule an array of which nothing is in the store."""
    assert len(await trivial.schedule(TrivialConfig(), over=range(ELEMENTS))) == ELEMENTS


@flow
async def following() -> None:
    """Do nothing."""


def wait_after_array(on_postgres: bool, folder: Path) -> dict[str, float]:
    """Run an array, and then for a minute flows that do nothing; what counts is the one that waits longest."""
    with ExitStack() as stack:
        programs = postgres_programs()
        if on_postgres and programs is None:
            sys.exit("Needs root and `apt-get install postgresql`.")
        database = stack.enter_context(postgres(programs)) if on_postgres and programs else None
        stack.enter_context(prefect_server(stack.enter_context(prefect_server_on(database, folder))))
        use_store(Store(folder / "store"))
        calm = seconds(lambda: asyncio.run(following()))
        runner = make_launcher("local").task_runner()
        took = seconds(lambda: asyncio.run(array.with_options(task_runner=runner)()))
        longest, until = 0.0, time.monotonic() + 60
        while time.monotonic() < until:
            longest = max(longest, seconds(lambda: asyncio.run(following())))
            time.sleep(1)
    return {"seconds": longest, "on a server at rest": calm, "the array": took}


def ratio(runs: Runs) -> str:
    """How much shorter the wait is."""
    sqlite, other = (statistics.median(run["seconds"] for run in runs[name]) for name in VARIANTS)
    return f"The wait after {ELEMENTS:,} elements, SQLite / PostgreSQL: {sqlite / other:.1f}"


VARIANTS: dict[str, Variant] = {
    "SQLite": functools.partial(wait_after_array, False),
    "PostgreSQL": functools.partial(wait_after_array, True),
}

if __name__ == "__main__":
    main(f"The longest trivial flow in the minute after an array of {ELEMENTS:,} trivial elements, s", VARIANTS, ratio)
