"""The step that finds exact neighbours between a slice of one language and a slice of the other, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from orepass import Requirements, module, progress, workdir
from orepass.config import Config
from orepass.errors import ConfigError, InputError
from orepass.machine import count_cpus
from orepass.tasks.bitext.neighbours import Neighbours
from orepass.tasks.bitext.slices import Slice, read_slice
from orepass.tasks.bitext.vectors import Floats32, Ids


@dataclass(frozen=True)
class ExactTileConfig(Config):
    """How neighbours are found; nothing but `k` changes a bit of the result.

    Attributes:
        k: how many neighbours.
        product: what candidates are found in without a GPU: `float32`, `bfloat16`, or `auto` for the faster one.
        use_gpu: multiply on a GPU, which the launcher has to have.
        num_cpu: threads to use.
        mem_gb: GiB that the step may use.
        timeout_min: minutes after which the step is killed; None for no limit.
    """

    k: int = 16
    product: str = "auto"
    use_gpu: bool = False
    num_cpu: int = 1
    mem_gb: float = 2.0
    timeout_min: float | None = None


@dataclass(frozen=True)
class Tile:
    """A slice of the source language and one of the target language."""

    src: Slice
    tgt: Slice


@dataclass(frozen=True)
class TileNeighbours:
    """The neighbours that two slices find in one another, rows numbered within the slices.

    Attributes:
        forward: those of the source sentences.
        backward: those of the target sentences.
    """

    forward: Neighbours
    backward: Neighbours


def _for_cache(config: ExactTileConfig) -> Mapping[str, Any]:
    return {"k": config.k}


def _is_whole(output: TileNeighbours, config: ExactTileConfig, element: Tile) -> bool:
    sides = ((output.forward, element.src), (output.backward, element.tgt))
    return all(
        np.load(path, mmap_mode="r").shape == (side.rows, config.k)
        for found, side in sides
        for path in (found.ids, found.scores)
    )


def _requires(config: ExactTileConfig) -> Requirements:
    return Requirements(cpus=config.num_cpu, gpus=int(config.use_gpu), mem_gb=config.mem_gb)


@module(version="1", requires=_requires, validate=_is_whole, config_for_cache=_for_cache)
def exact_tile(config: ExactTileConfig, element: Tile) -> TileNeighbours:
    """Find the k nearest neighbours of each sentence of either slice in the other one.

    Scores are cosines, and the neighbours exactly the k best of the slice; see `both_ways`.

    Args:
        config: how many, and with what.
        element: the two slices.

    Returns:
        The neighbours, both ways.

    Raises:
        ConfigError: `k` or `num_cpu` below 1, or a product that is not to be had here.
        InputError: embeddings that cannot be read, or that are not of the same width.
    """
    from orepass.tasks.bitext.exact import both_ways  # numba takes a second, which only this step has to spend

    for name in ("k", "num_cpu"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name}={getattr(config, name)} must be at least 1.")
    src, tgt = read_slice(element.src), read_slice(element.tgt)
    if src.shape[1] != tgt.shape[1]:
        raise InputError(
            f"{str(element.src.files[0])!r} has rows of width {src.shape[1]}, {str(element.tgt.files[0])!r} of width "
            f"{tgt.shape[1]}. Embed both languages with one encoder."
        )
    threads = min(config.num_cpu, count_cpus())
    with progress(len(src), f"{len(src):,} x {len(tgt):,} sentences, both ways", unit="sentences") as advance:
        forward, backward = both_ways(src, tgt, config.k, config.product, threads, config.use_gpu, advance)
    return TileNeighbours(_save("forward", *forward), _save("backward", *backward))


def _save(name: str, ids: Ids, scores: Floats32) -> Neighbours:
    found = Neighbours(workdir() / f"{name}.ids.npy", workdir() / f"{name}.scores.npy")
    np.save(found.ids, ids)
    np.save(found.scores, scores)
    return found
