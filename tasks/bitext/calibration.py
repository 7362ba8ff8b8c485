"""Measures on one core of this machine what `costs.Rates` holds, in about a minute."""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from orepass.tasks.bitext.candidates import BLOCK_BYTES, COLUMNS, candidates
from orepass.tasks.bitext.costs import Rates
from orepass.tasks.bitext.exact import both_ways
from orepass.tasks.bitext.faiss_index import faiss_threads, for_search, make_index
from orepass.tasks.bitext.product_choice import has_bfloat16
from orepass.tasks.bitext.products import Bfloat16Product, NumpyProduct, TorchProduct
from orepass.tasks.bitext.vectors import Floats32

_K, _EXTRA = 16, 8
_HEIGHT = BLOCK_BYTES // COLUMNS // 4  # of a block in float32
_LEAST_S = 1e-6
_REPEATS = 3
_ROWS_OF_A_LIST = (1024, 64)

Say = Callable[[str], None]


def measure_rates(rows: int = 2**16, dim: int = 128, say: Say = lambda line: None) -> Rates:
    """Measure all rates but `disk`; those of what is not here keep their defaults.

    Each is the best of a few runs, because whatever else runs can only make one slower.

    Args:
        rows: how many random unit rows the largest measurement has.
        dim: their width; FAISS's codes have half as many parts.
        say: is told each rate.
    """
    vectors = _unit_rows(rows, dim)
    found: dict[str, float] = {}
    with threadpool_limits(1), faiss_threads(1), _one_torch_thread():
        for part in (_products, _exact, _filling, _scanning, _packed):
            rates = part(vectors)
            for name, rate in rates.items():
                say(f"{name}: {rate:.3g} a second, {rate / getattr(Rates(), name):.2f} of the default")
            found |= rates
    return Rates(**found)


def _products(vectors: Floats32) -> dict[str, float]:
    """Blocks of the product, and nothing else."""
    kinds: dict[str, Any] = {"float32": NumpyProduct}
    if importlib.util.find_spec("torch") is not None:
        kinds = {"float32": TorchProduct} | ({"bfloat16": Bfloat16Product} if has_bfloat16() else {})
    rows = _unit_rows(_HEIGHT + COLUMNS, 2 * vectors.shape[1])
    return {name: _HEIGHT * COLUMNS * rows.shape[1] / _seconds(_block(kind, rows)) for name, kind in kinds.items()}


def _block(kind: Any, rows: Floats32) -> Callable[[], Any]:
    product = kind(rows[:_HEIGHT], rows[_HEIGHT:])
    buffer, left = product.buffer(_HEIGHT * COLUMNS), product.left(0, _HEIGHT)
    return lambda: product.block(left, 0, min(COLUMNS, len(rows) - _HEIGHT), buffer)


def _exact(vectors: Floats32) -> dict[str, float]:
    """The selection of candidates, by two sizes, and their true scores.

    Of n scores that a row meets in random order, about c ln(n / c) enter its list of c. The product is narrow, and what
    it takes is left out.
    """
    count = _K + _EXTRA
    sizes = len(vectors) // 8, len(vectors) // 2
    narrow = [np.ascontiguousarray(vectors[:size, :8]) for size in sizes]
    narrow = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in narrow]
    seen = [float(size) ** 2 for size in sizes]
    product = _seconds(_block(NumpyProduct, narrow[1])) / (_HEIGHT * COLUMNS)
    took = [_seconds(_selection(rows, count)) - pairs * product for rows, pairs in zip(narrow, seen, strict=True)]
    entered = [2.0 * size * count * max(1.0, math.log(size / count)) for size in sizes]
    select, enter = _solved(seen, entered, took)
    some = vectors[: sizes[0]]
    whole = _seconds(lambda: both_ways(some, some[::-1].copy(), _K, "float32"))
    rough = _seconds(_selection(some, count))
    rescored = 2.0 * len(some) * count * some.shape[1]
    return {"select": select, "enter": enter, "rescore": rescored / max(whole - rough, 0.02 * whole)}


def _selection(rows: Floats32, count: int) -> Callable[[], Any]:
    product = NumpyProduct(rows, rows[::-1].copy())
    return lambda: candidates(product, count, 1, lambda done: None)


def _filling(vectors: Floats32) -> dict[str, float]:
    """Training of lists and of codes, the search for nearest centroids, and that for codes of 8 bits."""
    dim, lists = vectors.shape[1], max(4, len(vectors) // 256)
    sample = vectors[: 64 * lists]
    index: Any = make_index(f"IVF{lists},Flat", dim)
    train = 10.0 * len(sample) * lists * dim / _seconds(lambda: index.train(sample), 1)
    queries = vectors[: len(vectors) // 8]
    assign = len(queries) * lists * dim / _seconds(lambda: index.quantizer.search(queries, min(32, lists)))
    small: Any = make_index(f"PQ{dim // 2}x4np", dim)
    codes: Any = make_index(f"PQ{dim // 4}np", dim)
    _hurry(small.pq.cp, 2)
    _hurry(codes.pq.cp, 1)
    some = vectors[:4096]
    learn = 2.0 * len(some) * small.pq.M / _seconds(lambda: small.pq.train(some), 1)
    codes.pq.train(some)
    encode = 256.0 * len(queries) * dim / _seconds(lambda: codes.pq.compute_codes(queries))
    return {"train": train, "codebooks": learn, "assign": assign, "encode": encode}


def _scanning(vectors: Floats32) -> dict[str, float]:
    """Search through rows, and through codes of 8 bits by their tables."""
    dim = vectors.shape[1]
    found = {}
    for name, kind, width in (("scan_rows", "Flat", dim), ("scan_table", f"PQ{dim // 4}np", dim // 4)):
        index = _index(f"IVF{_lists(vectors, 1024)},{kind}", vectors)
        seconds, visits = _search(index, vectors)
        found[name] = visits * 1024.0 * width / seconds
    return found


def _packed(vectors: Floats32) -> dict[str, float]:
    """Search through packed codes of 4 bits, in long lists and in short ones."""
    codes = vectors.shape[1] // 2
    visits, scanned, took = [], [], []
    for length in _ROWS_OF_A_LIST:
        index = for_search(_index(f"IVF{_lists(vectors, length)},PQ{codes}x4fsr", vectors))
        seconds, visited = _search(index, vectors)
        visits.append(visited)
        scanned.append(visited * length * codes)
        took.append(seconds)
    scan, visit = _solved(scanned, visits, took)
    return {"scan_codes": scan, "visits": visit}


def _lists(vectors: Floats32, length: int) -> int:
    return max(2, len(vectors) // length)


def _index(index_type: str, vectors: Floats32) -> Any:
    index: Any = make_index(index_type, vectors.shape[1])
    for clustering in (index.cp, index.pq.cp) if hasattr(index, "pq") else (index.cp,):
        _hurry(clustering, 2)
    index.train(vectors[: max(4096, 4 * index.nlist)])
    index.add(vectors)
    return index


def _hurry(clustering: Any, rounds: int) -> None:
    """Let k-means stop early and take few points without a warning: what it finds is of no use to anybody."""
    clustering.niter, clustering.min_points_per_centroid = rounds, 1


def _search(index: Any, vectors: Floats32) -> tuple[float, float]:
    """Seconds of a search without that for centroids, and how many lists it looked at."""
    index.nprobe = min(32, index.nlist)
    queries = vectors[: len(vectors) // 32]
    near = _seconds(lambda: index.quantizer.search(queries, index.nprobe))
    return max(_LEAST_S, _seconds(lambda: index.search(queries, 8 * _K)) - near), float(len(queries) * index.nprobe)


def _solved(first: list[float], second: list[float], took: list[float]) -> tuple[float, float]:
    """The rates a and b for which first / a + second / b are the seconds that two measurements took.

    Where noise would make one of them negative, it gets a hundredth of the time of the measurement that it matters in.
    """
    matrix = np.array([first, second]).T
    one, two = np.linalg.solve(matrix, np.array(took))
    one = max(one, 0.01 * max(took) / max(first))
    two = max(two, 0.01 * max(took) / max(second))
    return float(1 / one), float(1 / two)


def _seconds(work: Callable[[], Any], repeats: int = _REPEATS) -> float:
    """Of the fastest of a few runs, after one that is not counted if there are several."""
    if repeats > 1:
        work()
    return max(_LEAST_S, min(_timed(work) for _ in range(repeats)))


def _timed(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _unit_rows(count: int, dim: int) -> Floats32:
    rows = np.random.default_rng(0).standard_normal((count, dim), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """The exact engine multiplies with torch, where that is installed."""
    try:
        import torch
    except ImportError:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
