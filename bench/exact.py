"""Exact neighbours in both directions: 50,000 x 50,000 unit rows, k = 16, against FAISS and the bare product.

    python bench/exact.py [RUNS]

"FAISS flat" searches an `IndexFlatIP` of each side for the rows of the other. "product" multiplies the same blocks as
"exact" and throws them away; what is counted against it is the faster of NumPy's and torch's. All may use every core.
bfloat16 is measured where the processor has instructions for it. `other neighbours` are those of 500 rows, in per
cent, that FAISS does not find and that no tie (to 2^-21) explains.
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from pathlib import Path

import faiss
import numpy as np
from _measure import Runs, Variant, main
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from orepass.machine import count_cpus
from orepass.tasks.bitext.candidates import COLUMNS, block_rows
from orepass.tasks.bitext.exact import both_ways
from orepass.tasks.bitext.product_choice import has_bfloat16
from orepass.tasks.bitext.products import NumpyProduct, Product, TorchProduct, on_processor

SENTENCES, K, NOISE, CHECKED, TIE = 50_000, 16, 0.06, 500, 2.0**-21
WIDTHS = (384, 1024)

Rows = NDArray[np.float32]


def make_rows(dim: int) -> tuple[Rows, Rows]:
    """Random directions, and the same with noise, shuffled."""
    rng = np.random.default_rng(0)
    src = rng.standard_normal((SENTENCES, dim), dtype=np.float32)
    src /= np.linalg.norm(src, axis=1, keepdims=True)
    tgt = src + NOISE * rng.standard_normal((SENTENCES, dim), dtype=np.float32)
    tgt /= np.linalg.norm(tgt, axis=1, keepdims=True)
    return src, tgt[rng.permutation(SENTENCES)]


class Timer:
    """Wall-clock and processor seconds from its creation on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def figures(self) -> dict[str, float]:
        """Both."""
        return {"seconds": time.perf_counter() - self._wall, "cpu s": time.process_time() - self._cpu}


def faiss_flat(dim: int, folder: Path) -> dict[str, float]:
    """Two searches."""
    src, tgt = make_rows(dim)
    timer = Timer()
    for indexed, queries in ((tgt, src), (src, tgt)):
        index = faiss.IndexFlatIP(dim)
        index.add(indexed)
        index.search(queries, K)
    return timer.figures()


def exact(dim: int, product: str, folder: Path) -> dict[str, float]:
    """Ours."""
    src, tgt = make_rows(dim)
    both_ways(src[:64], tgt[:64], K, product)  # compiled, as in any process but the first on a machine
    timer = Timer()
    (ids, scores), _ = both_ways(src, tgt, K, product, count_cpus())
    figures = timer.figures()
    return figures | {"other neighbours": _others(src, tgt, ids, scores)}


def _others(src: Rows, tgt: Rows, ids: NDArray[np.int64], scores: Rows) -> float:
    rows = np.linspace(0, len(src) - 1, CHECKED).astype(int)
    index = faiss.IndexFlatIP(src.shape[1])
    index.add(tgt)
    _, theirs = index.search(src[rows], K)
    found = (ids[rows][:, :, None] == theirs[:, None, :]).any(axis=2)
    tied = scores[rows] <= scores[rows][:, -1:] + TIE
    return 100 * float(np.mean(~found & ~tied))


def bare_product(dim: int, product: str, folder: Path) -> dict[str, float]:
    """The blocks alone."""
    src, tgt = make_rows(dim)
    kinds = [NumpyProduct(src, tgt), TorchProduct(src, tgt)]
    if product == "bfloat16":
        kinds = [on_processor(product, src, tgt)]
    with threadpool_limits(count_cpus()):
        return min((_multiply(kind) for kind in kinds), key=lambda figures: figures["seconds"])


def _multiply(product: Product) -> dict[str, float]:
    height = block_rows(product, SENTENCES, count_cpus())
    buffer = product.buffer(height * COLUMNS)
    timer = Timer()
    for row in range(0, SENTENCES, height):
        left = product.left(row, min(row + height, SENTENCES))
        for column in range(0, SENTENCES, COLUMNS):
            product.block(left, column, min(column + COLUMNS, SENTENCES), buffer)
    return timer.figures()


def ratios(runs: Runs) -> str:
    """The ratios that count."""
    products = ["float32", *(["bfloat16"] if has_bfloat16() else [])]
    lines = [line for dim in WIDTHS for product in products for line in _ratios(runs, dim, product)]
    return "\n".join(lines if has_bfloat16() else [*lines, "This processor has no instructions for bfloat16."])


def _ratios(runs: Runs, dim: int, product: str) -> list[str]:
    aim = {"float32": 1.9, "bfloat16": 7.0}[product]
    ours, bare, theirs = f"exact {product}, d={dim}", f"product {product}, d={dim}", f"FAISS flat, d={dim}"
    return [
        f"d={dim} {product}: {_ratio(runs, theirs, ours)} times as fast as FAISS flat (aim: {aim}); "
        f"{_ratio(runs, ours, bare)} times the bare product (aim: at most 2)"
    ]


def _ratio(runs: Runs, above: str, below: str) -> str:
    medians = [statistics.median(run["seconds"] for run in runs[name]) for name in (above, below)]
    singles = [a["seconds"] / b["seconds"] for a, b in zip(runs[above], runs[below], strict=True)]
    return f"{medians[0] / medians[1]:.2f} ({min(singles):.2f} to {max(singles):.2f})"


def variants() -> dict[str, Variant]:
    """All that is measured, by name."""
    found: dict[str, Variant] = {}
    for dim in WIDTHS:
        found[f"FAISS flat, d={dim}"] = partial(faiss_flat, dim)
        for product in ["float32", *(["bfloat16"] if has_bfloat16() else [])]:
            found[f"exact {product}, d={dim}"] = partial(exact, dim, product)
            found[f"product {product}, d={dim}"] = partial(bare_product, dim, product)
    return found


if __name__ == "__main__":
    main(f"Exact neighbours both ways, {SENTENCES:,} x {SENTENCES:,}, k={K}", variants(), ratios)
