"""The step that finds the k nearest neighbours of every sentence in the other language."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orepass import Requirements, module, progress, workdir
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.pipelines import Input
from orepass.tasks.bitext.faiss_index import faiss_threads, for_search, load_index
from orepass.tasks.bitext.index_shape import BATCH
from orepass.tasks.bitext.vectors import Vectors

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NeighboursConfig(Config):
    """How neighbours are found.

    Attributes:
        index: the FAISS index of one language, filled and merged over all its shards.
        embeddings: what the index was filled with, shard by shard in order: the true vectors to score with.
        k: how many neighbours.
        nprobe: how many lists of an inverted file are looked at; no other kind of index has lists.
        num_cpu: threads to search with.
        timeout_min: minutes after which the step is killed; None for no limit.
        mem_gb: GiB that the step asks for.
    """

    index: Input[Path]
    embeddings: Input[tuple[Path, ...]]
    k: int = 16
    nprobe: Input[int] = 32
    num_cpu: int = 1
    timeout_min: float | None = None
    mem_gb: float = 2.0


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of one query shard, n sentences.

    Attributes:
        ids: `.npy`, int64 (n, k): rows over all shards of the indexed side, best first, ties by row; -1 for none.
        scores: `.npy`, float32 (n, k): cosines; -inf for none.
    """

    ids: Path
    scores: Path


def _for_cache(config: NeighboursConfig) -> Mapping[str, Any]:
    # num_cpu decides how fast, not what: every score is computed row by row.
    return {"index": config.index, "embeddings": config.embeddings, "k": config.k, "nprobe": config.nprobe}


def _is_whole(output: Neighbours, config: NeighboursConfig, element: Path) -> bool:
    rows = len(np.load(element, mmap_mode="r")) if element.suffix == ".npy" else None
    shapes = {np.load(path, mmap_mode="r").shape for path in (output.ids, output.scores)}
    return len(shapes) == 1 and all(shape[1] == config.k and rows in (None, shape[0]) for shape in shapes)


@module(
    version="2",
    requires=lambda config: Requirements(cpus=config.num_cpu, mem_gb=config.mem_gb),
    validate=_is_whole,
    config_for_cache=_for_cache,
)
def neighbours(config: NeighboursConfig, element: Path) -> Neighbours:
    """Find the nearest neighbours of each row of one query shard.

    Scores are cosines of the true vectors, whatever the index makes of them; with the index type `Flat` they are
    exactly the k best. How the queries or the indexed side are cut in shards changes no bit of the result.
    A sentence whose row is zero has no neighbours and is nobody's neighbour. The lists of an inverted file and the true
    vectors stay on disk, and queries come in batches; codes of 4 bits are packed in main memory.

    Args:
        config: the indexed side.
        element: the embeddings of the query shard, `.npy`.

    Returns:
        The ids and scores, one row a query.

    Raises:
        ConfigError: `k` or `nprobe` below 1.
        InputError: files that cannot be read or do not belong together.
    """
    from orepass.tasks.bitext.search import Searcher  # numba takes a second, which only this step has to spend

    for name in ("k", "nprobe", "num_cpu"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name}={getattr(config, name)} must be at least 1.")
    vectors = Vectors(config.embeddings)
    queries = Vectors([element], vectors.dim)
    result = Neighbours(workdir() / "ids.npy", workdir() / "scores.npy")
    shape = (len(queries), config.k)
    ids = np.lib.format.open_memmap(result.ids, "w+", np.int64, shape)
    scores = np.lib.format.open_memmap(result.scores, "w+", np.float32, shape)
    title = f"neighbours of {element.parent.name}/{element.name}"
    with faiss_threads(config.num_cpu), progress(len(queries), title, unit="sentences") as advance:
        index = for_search(load_index(config.index))
        searcher = Searcher(index, vectors, config.k, config.nprobe, config.num_cpu)
        for start, batch in queries.blocks(BATCH):
            here = slice(start, start + len(batch))
            ids[here], scores[here] = searcher.search(batch)
            advance(len(batch))
    ids.flush()
    scores.flush()
    if config.k > len(vectors):
        _log.info("k=%d is more than the %d indexed sentences: the rest is masked", config.k, len(vectors))
    return result
