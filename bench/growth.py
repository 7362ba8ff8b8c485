"""How the cost of mining grows with the corpus, with what the plan predicts beside it.

    python bench/growth.py [RUNS]

n x n rows of width 256, half of them pairs; `$SENTENCES`, such as `2000,4000`, gives other n. "exact" is the exact
engine, "compressed" the index type that the plan would take if it had to take one: the steps of the flow, one after
the other in one process. `said s` are the processor seconds of the plan, from the rates of `flows/calibrate.py` where
they were measured.
"""

from __future__ import annotations

import os
import statistics
from functools import partial
from pathlib import Path

from _measure import Runs, Variant, main
from _planted import K, Watch, by_plan, compile_kernels, quality, write_corpus

from orepass.machine import count_cpus, machine_memory_gb
from orepass.tasks.bitext.cost_model import Size
from orepass.tasks.bitext.costs import load_rates
from orepass.tasks.bitext.plan import Plan, make_plan
from orepass.tasks.bitext.product_choice import choose_product

SIZES = [int(size) for size in os.environ.get("SENTENCES", "25000,50000,100000,200000").split(",")]
DIM = 256


def planned(n: int, index_type: str) -> Plan:
    """A plan for n x n rows."""
    return make_plan(
        Size(n, n, DIM, K),
        index_type=index_type,
        product=choose_product("auto", float(n) ** 2 * DIM),
        cores=count_cpus(),
        memory_gb=machine_memory_gb(),
        rates=load_rates(),
    )


def exact(n: int, folder: Path) -> dict[str, float]:
    """The exact engine."""
    return _run(n, planned(n, "Flat"), folder)


def compressed(n: int, folder: Path) -> dict[str, float]:
    """The cheapest of the compressed ways."""
    ways = [way for way in planned(n, "Flat").alternatives if way.cpu_seconds is not None]
    return _run(n, planned(n, ways[0].index_type if ways else f"IVF16,PQ{DIM // 2}x4fsr"), folder)


def _run(n: int, plan: Plan, folder: Path) -> dict[str, float]:
    corpus = write_corpus(folder, n, DIM)
    compile_kernels()
    with Watch(folder) as watch:
        found = by_plan(corpus, plan)
    return watch.figures | {"said s": plan.way.cpu_seconds or 0.0} | quality(found, n)


def said(runs: Runs) -> str:
    """Measured over predicted."""
    lines = []
    for name, found in runs.items():
        ratios = [run["cpu s"] / run["said s"] for run in found]
        lines.append(f"{name}: {statistics.median(ratios):.2f} times what the plan says")
    return "\n".join(lines)


def variants() -> dict[str, Variant]:
    """Both ways with every n."""
    return {f"{way.__name__}, n={n:,}": partial(way, n) for way in (exact, compressed) for n in SIZES}


if __name__ == "__main__":
    main(f"Neighbours both ways, n x n, d={DIM}, k={K}, {count_cpus()} cores", variants(), said)
