"""Ways to find neighbours in both directions: seconds, memory, and the recall of planted pairs.

    python bench/front.py [RUNS]

300,000 x 300,000 rows of width 256, half of them pairs; `$SENTENCES` gives another number. "auto", "exact" and
"ours, ..." are the steps of the flow, one after the other in one process; "FAISS ..." is FAISS alone, trained on all
rows, its own scores. "OPQ64,IVF1024,PQ64" is what stopes takes above 10,000 sentences. `own MB` is the most memory
that no file backs: `peak MB` counts memory-mapped embeddings, too.
"""

from __future__ import annotations

import math
import os
from functools import partial
from pathlib import Path

from _measure import Runs, Variant, main
from _planted import K, Watch, by_faiss, by_plan, compile_kernels, quality, write_corpus

from orepass.machine import count_cpus, machine_memory_gb
from orepass.tasks.bitext.cost_model import Size
from orepass.tasks.bitext.costs import load_rates
from orepass.tasks.bitext.plan import make_plan
from orepass.tasks.bitext.product_choice import choose_product

SENTENCES, DIM = int(os.environ.get("SENTENCES", "300000")), 256
LISTS = 2 ** round(math.log2(4 * math.sqrt(SENTENCES)))


def ours(index_type: str, nprobe: int | None, folder: Path) -> dict[str, float]:
    """The flow's way."""
    corpus = write_corpus(folder, SENTENCES, DIM)
    plan = make_plan(
        Size(SENTENCES, SENTENCES, DIM, K),
        index_type=index_type,
        nprobe=nprobe,
        product=choose_product("auto", float(SENTENCES) ** 2 * DIM),
        cores=count_cpus(),
        memory_gb=machine_memory_gb(),
        rates=load_rates(),
    )
    compile_kernels()
    with Watch(folder) as watch:
        found = by_plan(corpus, plan)
    return watch.figures | quality(found, SENTENCES)


def theirs(index_type: str, nprobe: int, folder: Path) -> dict[str, float]:
    """FAISS's way."""
    corpus = write_corpus(folder, SENTENCES, DIM)
    with Watch(folder) as watch:
        found = by_faiss(corpus, index_type, nprobe, folder)
    return watch.figures | quality(found, SENTENCES)


def front(runs: Runs) -> str:
    """What no other way beats in both seconds and F1."""
    best = {name: (min(run["seconds"] for run in found), found[0]["F1"]) for name, found in runs.items()}
    names = [
        name
        for name, (seconds, f1) in best.items()
        if not any(other[0] < seconds and other[1] > f1 for other in best.values())
    ]
    return f"on the front of seconds and F1: {', '.join(names)}"


def variants() -> dict[str, Variant]:
    """All that is measured, by name."""
    probes = round(2 * math.sqrt(LISTS))
    return {
        "auto": partial(ours, "auto", None),
        "exact": partial(ours, "Flat", None),
        f"ours, IVF{LISTS},PQ128x4fsr": partial(ours, f"IVF{LISTS},PQ128x4fsr", None),
        f"ours, the same, nprobe={LISTS // 8}": partial(ours, f"IVF{LISTS},PQ128x4fsr", LISTS // 8),
        "FAISS Flat": partial(theirs, "Flat", 1),
        f"FAISS IVF{LISTS},Flat": partial(theirs, f"IVF{LISTS},Flat", probes),
        "FAISS OPQ64,IVF1024,PQ64": partial(theirs, "OPQ64,IVF1024,PQ64", 128),
    }


if __name__ == "__main__":
    main(f"Neighbours both ways, {SENTENCES:,} x {SENTENCES:,}, d={DIM}, k={K}, planted pairs", variants(), front)
