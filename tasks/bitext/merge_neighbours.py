"""The step that makes the neighbours in a whole language out of those in its slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orepass import module, progress, workdir
from orepass.config import Config
from orepass.errors import InputError
from orepass.tasks.bitext.neighbours import Neighbours
from orepass.tasks.bitext.topk import rank
from orepass.tasks.bitext.vectors import Ids

_BATCH = 2**20  # neighbours at a time, of all slices together


@dataclass(frozen=True)
class MergeNeighboursConfig(Config):
    """How neighbours are merged.

    Attributes:
        k: how many are kept, as many as were searched for.
    """

    k: int = 16


@dataclass(frozen=True)
class Strip:
    """What one slice of queries found in each slice of the other language.

    Attributes:
        parts: its neighbours in each slice, numbered within it.
        offsets: the number of each slice's first row in the whole language.
    """

    parts: tuple[Neighbours, ...]
    offsets: tuple[int, ...]


@module(version="1")
def merge_neighbours(config: MergeNeighboursConfig, element: Strip) -> Neighbours:
    """Keep the k best of all neighbours of each query, ties in order of rows.

    Args:
        config: how many.
        element: the neighbours of the same queries in each slice.

    Returns:
        The neighbours, rows numbered over the whole language.

    Raises:
        InputError: neighbours of other queries, or another number of them.
    """
    parts = [(np.load(part.ids, mmap_mode="r"), np.load(part.scores, mmap_mode="r")) for part in element.parts]
    shape = (len(parts[0][0]), config.k)
    for part, (ids, scores) in zip(element.parts, parts, strict=True):
        if ids.shape != shape or scores.shape != shape:
            raise InputError(
                f"{str(part.ids)!r} holds neighbours of shape {ids.shape}, not {shape}. Merge what the same queries "
                f"found, with k={config.k}, in each slice."
            )
    result = Neighbours(workdir() / "ids.npy", workdir() / "scores.npy")
    merged_ids = np.lib.format.open_memmap(result.ids, "w+", np.int64, shape)
    merged_scores = np.lib.format.open_memmap(result.scores, "w+", np.float32, shape)
    rows = max(1, _BATCH // (config.k * len(parts)))
    with progress(shape[0], f"merge the neighbours in {len(parts)} slices", unit="sentences") as advance:
        for start in range(0, shape[0], rows):
            here = slice(start, start + rows)
            ids = np.hstack([_moved(ids[here], by) for (ids, _), by in zip(parts, element.offsets, strict=True)])
            merged_ids[here], merged_scores[here] = rank(
                ids, np.hstack([scores[here] for _, scores in parts]), config.k
            )
            advance(len(ids))
    merged_ids.flush()
    merged_scores.flush()
    return result


def _moved(ids: Ids, by: int) -> Ids:
    return np.where(ids >= 0, ids + by, -1)
