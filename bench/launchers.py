"""What a step costs on each launcher, beside bare Dask and beside Prefect's tasks on Dask.

    python bench/launchers.py [RUNS]

Needs a Prefect server (PREFECT_API_URL, else one is started in the background), and root for a Slurm of its own, which
is installed from Debian's packages if it is missing; without it, the figures of `slurm` are left out. What is
started once, such as a cluster and its workers, is up before the clock starts.
"""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
import asyncio
import contextlib
import functools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import distributed
from _measure import Runs, Variant, main, seconds
from arrays import TrivialConfig, settle, trivial
from prefect import flow, task
from prefect_dask import DaskTaskRunner

from orepass import Store, module, use_store
from orepass.blocks.launchers import make_launcher
from orepass.server import prefect_server

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "slurm"))
import cluster as slurm  # (the Slurm of the tests)

COUNT = int(os.environ.get("N", "500"))
WORKERS = 2
HEAVY = 16
OPTIONS: dict[str, dict[str, Any]] = {
    "debug": {},
    "local": {"cpus": WORKERS},
    "dask": {"workers": 1, "cpus": WORKERS},
    "slurm": {"host": "127.0.0.1", "max_jobs": WORKERS},
}


@module(name="bench_wakes")
def wakes(config: TrivialConfig, element: int) -> int:
    """Keep a worker busy until all of them are there."""
    time.sleep(4)
    return element


def burn(element: int) -> int:
    """Use a core for about a second."""
    return sum(number % 7 for number in range(15_000_000 + element))


@module(name="bench_counts")
def counts(config: TrivialConfig, element: int) -> int:
    """Use a core for about a second."""
    return burn(element)


@flow
async def array(step: Any, count: int, wake: bool = True) -> float:
    """Schedule an array; seconds, once the workers are there."""
    if wake:
        await wakes.schedule(TrivialConfig(), over=range(WORKERS))
    begun = time.perf_counter()
    await step.schedule(TrivialConfig(), over=range(count))
    return time.perf_counter() - begun


def on(launcher: str, step: Any = trivial, count: int = COUNT, **options: Any) -> float:
    """Run the array on a launcher; seconds."""
    runner = make_launcher(launcher, **{**OPTIONS[launcher], **options}).task_runner()
    with prefect_server():
        return asyncio.run(array.with_options(task_runner=runner)(step, count))


def launched(launcher: str, folder: Path) -> dict[str, float]:
    """Trivial elements on a launcher, none of them in the store."""
    use_store(Store(folder))
    took = on(launcher)
    settle()
    return {"seconds": took, "ms/element": 1000 * took / COUNT}


def bare_dask(folder: Path) -> dict[str, float]:
    """The same number of calls with Dask alone."""
    took = on_bare_dask(abs, COUNT, workers=1, threads=WORKERS)
    return {"seconds": took, "ms/element": 1000 * took / COUNT}


def on_bare_dask(function: Callable[[int], int], count: int, *, workers: int, threads: int) -> float:
    """Map a function on Dask; seconds, once the workers are there."""
    cluster = distributed.LocalCluster(n_workers=workers, threads_per_worker=threads, dashboard_address=":0")
    with cluster, distributed.Client(cluster) as client:
        client.gather(client.map(abs, range(10), pure=False))
        return seconds(lambda: client.gather(client.map(function, range(count), pure=False)))


@task
def plain(element: int) -> int:
    """Do nothing, as a task of Prefect's."""
    return element


@flow
def mapped(count: int) -> float:
    """Map a task of Prefect's on Dask; seconds."""
    plain.map(range(2)).result()
    begun = time.perf_counter()
    plain.map(range(count)).result()
    return time.perf_counter() - begun


def prefect_dask(folder: Path) -> dict[str, float]:
    """The same number of Prefect's tasks on Dask."""
    options = {"n_workers": 1, "threads_per_worker": WORKERS, "dashboard_address": ":0"}
    with prefect_server():
        took = mapped.with_options(task_runner=DaskTaskRunner(cluster_kwargs=options))(COUNT)
    settle()
    return {"seconds": took, "ms/element": 1000 * took / COUNT}


def cached(launcher: str, folder: Path) -> dict[str, float]:
    """A flow that finds everything in the store, from its start to its end."""
    store = Store(folder)
    use_store(store)
    on("debug")
    settle()
    before = jobs_so_far()
    runner = make_launcher(launcher, **OPTIONS[launcher]).task_runner()
    with prefect_server():
        runs = array.with_options(task_runner=runner)
        took = [seconds(lambda: asyncio.run(runs(trivial, COUNT, wake=False))) for _ in range(5)]
    assert jobs_so_far() == before, "a job was started"
    return {"seconds": statistics.median(took), "ms/element": 1000 * statistics.median(took) / COUNT}


def jobs_so_far() -> int:
    """How many jobs Slurm has been given."""
    found = [line for line in sorted(Path(os.environ["BENCH_SLURM"], "log").glob("slurmctld.log"))]
    return sum(path.read_text().count("_slurm_rpc_submit_batch_job") for path in found)


def heavy(workers: int, folder: Path) -> dict[str, float]:
    """An array of elements that each take a second of a core."""
    use_store(Store(folder))
    return {"seconds": on("dask", counts, HEAVY, workers=workers, cpus=1)}


def heavy_on_bare_dask(workers: int, folder: Path) -> dict[str, float]:
    """The same with Dask alone: two cores of a machine may not do twice the work of one."""
    return {"seconds": on_bare_dask(burn, HEAVY, workers=workers, threads=1)}


def conclude(runs: Runs) -> str:
    """The ratios that are aimed at."""

    def median(name: str, figure: str = "ms/element") -> float:
        return statistics.median(run[figure] for run in runs[name])

    lines = []
    bare = median("bare Client.map")
    for name in ("dask", "slurm"):
        if name in runs:
            ms = median(name)
            lines.append(f"{name}: {ms:.1f} ms, {ms / bare:.2f} times bare Dask; the aim is {3 * bare + 6:.1f} ms")
    if "cached on slurm" in runs:
        ratios = [
            there["seconds"] / here["seconds"]
            for there, here in zip(runs["cached on slurm"], runs["cached on debug"], strict=True)
        ]
        lines.append(f"cached on slurm: {statistics.median(ratios):.2f} times debug; the aim is 1.10")
    for kind in ("heavy", "heavy, bare Dask"):
        one, two = (median(f"{kind}, {count}", "seconds") for count in ("1 worker", "2 workers"))
        lines.append(f"{kind}, from 1 to 2 workers: {one / two:.2f} times as fast")
    return "\n".join(lines)


@contextlib.contextmanager
def own_slurm() -> Iterator[bool]:
    """A Slurm while this runs; False if there can be none."""
    if "BENCH_SLURM" in os.environ:  # this is the process of one variant
        yield True
        return
    with tempfile.TemporaryDirectory(prefix="orepass-slurm-") as folder:
        ours = slurm.Cluster(Path(folder))
        try:
            ours.up()
        except slurm.SlurmUnavailable as error:
            print(f"Without slurm: {error}")
            yield False
            return
        os.environ.update(ours.environment, BENCH_SLURM=folder)
        try:
            yield True
        finally:
            ours.down()


if __name__ == "__main__":
    with own_slurm() as there:
        variants: dict[str, Variant] = {"bare Client.map": bare_dask, "prefect-dask task.map": prefect_dask}
        variants |= {name: functools.partial(launched, name) for name in OPTIONS if there or name != "slurm"}
        if there:
            variants |= {f"cached on {name}": functools.partial(cached, name) for name in ("debug", "slurm")}
        for kind, run in (("heavy", heavy), ("heavy, bare Dask", heavy_on_bare_dask)):
            variants[f"{kind}, 1 worker"] = functools.partial(run, 1)
            variants[f"{kind}, 2 workers"] = functools.partial(run, 2)
        main(f"{COUNT} trivial elements, and {HEAVY} of a second, against a running server", variants, conclude)
