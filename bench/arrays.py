"""What an array costs: keys and look-ups of cached elements, and task runs of trivial ones.

    python bench/arrays.py [RUNS]

Needs a Prefect server (PREFECT_API_URL, else one is started in the background). The peak is that of the flow's process;
a worker has some 120 MB.
"""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
import asyncio
import functools
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from _measure import Runs, Variant, main
from prefect import flow

from orepass import Store, module, use_store
from orepass.blocks.launchers import make_launcher
from orepass.call import Call
from orepass.key import make_keys
from orepass.server import prefect_server
from orepass.step import make_steps
from orepass.work import perform

CACHED = (50, 500, 2_000, 10_000)
COMPUTED = 500


@dataclass(frozen=True)
class TrivialConfig:
    """A configuration of the usual size."""

    lang: str = "fr"
    index_type: str = "IVF1024,Flat"
    k: int = 16
    threshold: float = 1.06


@module(name="bench_trivial")
def trivial(config: TrivialConfig, element: int) -> int:
    """Do nothing."""
    return element


@flow
async def array(count: int) -> float:
    """Schedule an array.

    Returns:
        Seconds inside the flow.
    """
    begun = time.perf_counter()
    results = await trivial.schedule(TrivialConfig(), over=range(count))
    assert results == list(range(count))
    return time.perf_counter() - begun


def cached(count: int, folder: Path) -> dict[str, float]:
    """A rerun over elements that are all in the store."""
    store = Store(folder)
    use_store(store)
    for step in make_steps(trivial, TrivialConfig(), range(count), store):
        outcome = perform(Call(step, store.layout.new_partial(), trivial.requirements(None)))
        assert outcome.failure is None
    begun = time.perf_counter()
    keys = list(make_keys(trivial.name, "1", TrivialConfig(), range(count), store.digest))
    keying = time.perf_counter() - begun
    took = run_array(count)
    return {"seconds": took, "ms/element": 1000 * took / len(keys), "keying s": keying}


def computed(folder: Path) -> dict[str, float]:
    """An array of which nothing is in the store."""
    use_store(Store(folder))
    took = run_array(COMPUTED)
    settle()
    return {"seconds": took, "ms/element": 1000 * took / COMPUTED}


def run_array(count: int) -> float:
    """Run the flow as a flow's command line does; seconds inside of it."""
    launcher = make_launcher("local")
    runner = launcher.task_runner()
    launcher.prepare()
    with prefect_server():
        return asyncio.run(array.with_options(task_runner=runner)(count))


def settle() -> None:
    """Let the server work off the events of this run, so that the next one does not wait behind them."""
    time.sleep(12)


def growth(runs: Runs) -> str:
    """How the cost of a cached element grows with the array."""
    medians = {count: statistics.median(run["ms/element"] for run in runs[f"{count:,} cached"]) for count in CACHED}
    ratios = ", ".join(f"{count:,}: {medians[count] / medians[500]:.2f}" for count in CACHED)
    return f"ms per cached element, as a ratio to that of 500 (linear growth is 1): {ratios}"


if __name__ == "__main__":
    variants: dict[str, Variant] = {f"{count:,} cached": functools.partial(cached, count) for count in CACHED}
    variants[f"{COMPUTED:,} computed (local)"] = computed
    main("schedule() over an array of trivial elements, against a running server", variants, growth)
