"""Planted pairs to find: rows of two languages of which every other one is a pair, and what was found of them."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from orepass.blocks.launchers.memory import memory_of
from orepass.machine import count_cpus
from orepass.tasks.bitext.exact import both_ways
from orepass.tasks.bitext.exact_tile import ExactTileConfig, Tile, exact_tile
from orepass.tasks.bitext.margin import retrieve
from orepass.tasks.bitext.merge_indexes import MergeIndexesConfig, merge_indexes
from orepass.tasks.bitext.merge_neighbours import MergeNeighboursConfig, Strip, merge_neighbours
from orepass.tasks.bitext.mine_pairs import best_pairs
from orepass.tasks.bitext.neighbours import Neighbours, NeighboursConfig, neighbours
from orepass.tasks.bitext.plan import Plan
from orepass.tasks.bitext.populate_index import PopulateIndexConfig, populate_index
from orepass.tasks.bitext.slices import cut
from orepass.tasks.bitext.train_index import TrainIndexConfig, train_index

K = 16
SHARD = 50_000
NOISE, SPREAD = 0.5, 0.6
"""The noise of a pair is NOISE times a log-normal number: most pairs are easy, a few are lost for every method."""

Files = tuple[Path, ...]
Found = tuple[tuple[Neighbours, ...], tuple[Neighbours, ...]]


@dataclass(frozen=True)
class Corpus:
    """Two languages of n rows each; of row 2i and row 2i one is the translation of the other.

    Attributes:
        src: embeddings of the source language, shard by shard.
        tgt: those of the target language.
        n: rows of each.
        dim: their width.
    """

    src: Files
    tgt: Files
    n: int
    dim: int


def write_corpus(folder: Path, n: int, dim: int) -> Corpus:
    """Make one. Directions differ in how much they vary, as those of text encoders do."""
    rng = np.random.default_rng(0)
    scale = (np.arange(1, dim + 1) ** -0.5).astype(np.float32)
    files: tuple[list[Path], list[Path]] = ([], [])
    for start in range(0, n, SHARD):
        rows = min(SHARD, n - start)
        src = rng.standard_normal((rows, dim), dtype=np.float32) * scale
        noise = NOISE * np.exp(SPREAD * rng.standard_normal((rows, 1), dtype=np.float32))
        tgt = src + noise * rng.standard_normal((rows, dim), dtype=np.float32) * scale
        tgt[1::2] = rng.standard_normal((rows // 2, dim), dtype=np.float32) * scale
        for side, lang, shards in ((src, "src", files[0]), (tgt, "tgt", files[1])):
            side /= np.linalg.norm(side, axis=1, keepdims=True)
            shards.append(folder / f"{lang}.{start}.npy")
            np.save(shards[-1], side)
    return Corpus(tuple(files[0]), tuple(files[1]), n, dim)


def compile_kernels() -> None:
    """Compile what is compiled once on a machine, or load it."""
    rows = np.eye(64, dtype=np.float32)
    both_ways(rows, rows, K)


def by_plan(corpus: Corpus, plan: Plan) -> Found:
    """What the flow does, one step after the other."""
    return _exactly(corpus) if plan.exact else _indexed(corpus, plan)


def _exactly(corpus: Corpus) -> Found:
    counts = [len(np.load(file, mmap_mode="r")) for file in corpus.src]
    rows, columns = cut(corpus.src, counts), cut(corpus.tgt, counts)
    config = ExactTileConfig(K, num_cpu=count_cpus())
    grid = [[exact_tile(config, Tile(row, column)) for column in columns] for row in rows]
    offsets = [tuple(accumulate((piece.rows for piece in side[:-1]), initial=0)) for side in (columns, rows)]
    merging = MergeNeighboursConfig(K)
    forward = [merge_neighbours(merging, Strip(tuple(tile.forward for tile in line), offsets[0])) for line in grid]
    backward = [
        merge_neighbours(merging, Strip(tuple(tile.backward for tile in line), offsets[1]))
        for line in zip(*grid, strict=True)
    ]
    return tuple(forward), tuple(backward)


def _indexed(corpus: Corpus, plan: Plan) -> Found:
    return _search(corpus.src, corpus.tgt, plan), _search(corpus.tgt, corpus.src, plan)


def _search(queries: Files, indexed: Files, plan: Plan) -> tuple[Neighbours, ...]:
    cpus = count_cpus()
    trained = train_index(TrainIndexConfig("xx", indexed, plan.index_type, num_cpu=cpus))
    filling = PopulateIndexConfig("xx", trained, plan.index_type, num_cpu=cpus)
    index = merge_indexes(MergeIndexesConfig(tuple(populate_index(filling, file) for file in indexed)))
    config = NeighboursConfig(index, indexed, K, plan.nprobe, cpus)
    return tuple(neighbours(config, file) for file in queries)


def by_faiss(corpus: Corpus, index_type: str, nprobe: int, folder: Path) -> Found:
    """FAISS alone, all in memory, its own scores."""
    src, tgt = (np.concatenate([np.load(file) for file in files]) for files in (corpus.src, corpus.tgt))
    return (_faiss(src, tgt, index_type, nprobe, folder / "f"), _faiss(tgt, src, index_type, nprobe, folder / "b"))


def _faiss(
    queries: NDArray[np.float32], rows: NDArray[np.float32], index_type: str, nprobe: int, name: Path
) -> tuple[Neighbours, ...]:
    index = faiss.index_factory(rows.shape[1], index_type, faiss.METRIC_INNER_PRODUCT)
    index.train(rows)
    index.add(rows)
    if (lists := faiss.try_extract_index_ivf(index)) is not None:
        lists.nprobe = nprobe
    scores, ids = index.search(queries, K)
    scores[ids < 0] = -np.inf
    found = Neighbours(name.with_suffix(".ids.npy"), name.with_suffix(".scores.npy"))
    np.save(found.ids, ids)
    np.save(found.scores, scores)
    return (found,)


def quality(found: Found, n: int) -> dict[str, float]:
    """Recall of the planted pairs, at any threshold, and F1 at the best one, of pairs that both directions choose."""
    pairs = retrieve(*best_pairs(*found, K, "ratio"), "intersection")
    right = (pairs["src"] == pairs["tgt"]) & (pairs["src"] % 2 == 0)
    planted, hits = (n + 1) // 2, np.cumsum(right)
    f1 = 2 * hits / (np.arange(1, len(right) + 1) + planted)
    return {"recall": float(hits[-1]) / planted, "F1": float(f1.max())}


class Watch:
    """Wall-clock and processor seconds, and the most memory that no file backs, while it is open."""

    def __init__(self, folder: Path) -> None:
        tempfile.tempdir = str(folder)  # where modules that are called plainly work
        self._most = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        self._begun = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.figures = {
            "seconds": time.perf_counter() - self._begun[0],
            "cpu s": time.process_time() - self._begun[1],
        }
        self._done.set()
        self._thread.join()
        self.figures["own MB"] = self._most / 1e6

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self._most = max(self._most, memory_of(os.getpid()))
