"""The step that chooses pairs of sentences by the margins of their neighbours."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orepass import Requirements, module, workdir
from orepass.config import Config
from orepass.errors import ConfigError, InputError
from orepass.pipelines import Input
from orepass.tasks.bitext.margin import (
    MARGINS,
    RETRIEVALS,
    Pairs,
    as_pairs,
    best_neighbours,
    check_choice,
    margins,
    mean_cosines,
    retrieve,
)
from orepass.tasks.bitext.neighbours import Neighbours
from orepass.tasks.bitext.vectors import Floats32, Floats64, Ids

_log = logging.getLogger(__name__)
_BATCH = 65536
_BINS = 40


@dataclass(frozen=True)
class LengthLimit(Config):
    """Which sentences are too different in length to be translations.

    Attributes:
        max_ratio: how many times as long as its partner a sentence may be; at least 1.
        src: what `count_characters` gives for the source side, shard by shard.
        tgt: likewise, for the target side.
    """

    max_ratio: float
    src: tuple[Path, ...]
    tgt: tuple[Path, ...]


@dataclass(frozen=True)
class MinePairsConfig(Config):
    """How pairs are chosen.

    Attributes:
        forward: the neighbours of the source sentences, shard by shard in order.
        backward: the neighbours of the target sentences, likewise.
        k: how many neighbours count; not more than were searched for.
        margin: `ratio`, `distance` or `absolute`.
        retrieval: `forward`, `backward`, `union`, `intersection` or `max`.
        threshold: the lowest margin of a mined pair.
        limit: which lengths go together; None for all.
        mem_gb: GiB that the step asks for.
    """

    forward: Input[tuple[Neighbours, ...]]
    backward: Input[tuple[Neighbours, ...]]
    k: int = 16
    margin: str = "ratio"
    retrieval: str = "intersection"
    threshold: Input[float] = 1.06
    limit: LengthLimit | None = None
    mem_gb: float = 2.0


@dataclass(frozen=True)
class MinedPairs:
    """Candidate pairs, of which the first ones are mined.

    Attributes:
        candidates: `.npy`, of type `PAIR`, by score (highest first), then src, then tgt.
        count: how many of them reach the threshold.
        histogram_counts: all candidates by score, in equal bins.
        histogram_edges: the edges of the bins, one more than counts; none without candidates.
    """

    candidates: Path
    count: int
    histogram_counts: tuple[int, ...]
    histogram_edges: tuple[float, ...]


@module(
    version="2",
    requires=lambda config: Requirements(mem_gb=config.mem_gb),
    config_for_cache=lambda config: {name: value for name, value in vars(config).items() if name != "mem_gb"},
)
def mine_pairs(config: MinePairsConfig) -> MinedPairs:
    """Choose the pairs whose margin reaches the threshold.

    With a limit to the ratio of lengths, neighbours beyond it are no candidates, but count in the averages.

    Raises:
        ConfigError: a margin or retrieval that does not exist, or more neighbours than were searched for.
        InputError: neighbours of the two sides that do not belong together.
    """
    check_choice("margin", config.margin, MARGINS)
    check_choice("retrieval", config.retrieval, RETRIEVALS)
    forward, backward = best_pairs(config.forward, config.backward, config.k, config.margin, config.limit)
    candidates = retrieve(forward, backward, config.retrieval)
    count = int((candidates["score"] >= config.threshold).sum())
    if count == 0:
        best = f"the best margin is {candidates['score'][0]:.4f}" if len(candidates) else "there are no candidates"
        _log.warning(
            "no pair reaches threshold=%g: %s. Lower the threshold, or look at the encoder and the languages.",
            config.threshold,
            best,
        )
    path = workdir() / "candidates.npy"
    np.save(path, candidates)
    scores = candidates["score"].astype(np.float64)
    counts, edges = np.histogram(scores, _BINS) if len(scores) else (scores, scores)
    return MinedPairs(path, count, tuple(counts.tolist()), tuple(edges.tolist()))


def best_pairs(
    forward: Sequence[Neighbours],
    backward: Sequence[Neighbours],
    k: int,
    margin: str,
    limit: LengthLimit | None = None,
) -> tuple[Pairs, Pairs]:
    """The best partner by margin of each sentence, for both directions; sentences without neighbours have none.

    Main memory holds a few numbers a sentence; the neighbours are read in batches.

    Args:
        forward: the neighbours of the source sentences, shard by shard.
        backward: the neighbours of the target sentences.
        k: how many neighbours count.
        margin: a name in `MARGINS`.
        limit: which lengths go together; None for all.

    Returns:
        Pairs (src, tgt, score) by source sentence, and pairs by target sentence.
    """
    src_means, tgt_means = _means(forward, k), _means(backward, k)
    alike = _Alike(limit.max_ratio, _joined(limit.src), _joined(limit.tgt)) if limit else None
    turned = _Alike(alike.max_ratio, alike.other, alike.own) if alike else None
    best_tgt, forward_scores = _best(forward, k, src_means, tgt_means, margin, alike)
    best_src, backward_scores = _best(backward, k, tgt_means, src_means, margin, turned)
    return (
        as_pairs(np.arange(len(best_tgt)), best_tgt, forward_scores),
        as_pairs(best_src, np.arange(len(best_src)), backward_scores),
    )


def _means(shards: Sequence[Neighbours], k: int) -> Floats64:
    return np.concatenate([mean_cosines(scores) for _, scores in _batches(shards, k)])


def _best(
    shards: Sequence[Neighbours],
    k: int,
    own_means: Floats64,
    other_means: Floats64,
    margin: str,
    alike: _Alike | None,
) -> tuple[Ids, Floats32]:
    best_ids, best_scores = [], []
    start = 0
    for ids, scores in _batches(shards, k):
        if ids.max(initial=-1) >= len(other_means):
            raise InputError(
                f"A neighbour has row {ids.max()}, but the other side has {len(other_means)} rows. Give the "
                "neighbours of both directions of one corpus, all shards of each."
            )
        here = slice(start, start + len(ids))
        if alike is not None:
            ids = np.where(alike(here, ids), ids, -1)
        chosen = best_neighbours(ids, margins(ids, scores, own_means[here], other_means, margin))
        best_ids.append(chosen[0])
        best_scores.append(chosen[1])
        start += len(ids)
    return np.concatenate(best_ids), np.concatenate(best_scores)


@dataclass(frozen=True)
class _Alike:
    """Which neighbours have a length that goes with that of their sentence: characters, (n,) and (m,)."""

    max_ratio: float
    own: NDArray[np.int32]
    other: NDArray[np.int32]

    def __call__(self, rows: slice, ids: Ids) -> NDArray[np.bool_]:
        own, other = self.own[rows, None], self.other[ids]
        return np.maximum(own, other) <= self.max_ratio * np.maximum(np.minimum(own, other), 1)


def _joined(paths: Sequence[Path]) -> NDArray[np.int32]:
    return np.concatenate([np.load(path) for path in paths])


def _batches(shards: Sequence[Neighbours], k: int) -> Iterator[tuple[Ids, Floats32]]:
    for shard in shards:
        ids = np.load(shard.ids, mmap_mode="r")
        scores = np.load(shard.scores, mmap_mode="r")
        if not 1 <= k <= ids.shape[1]:
            raise ConfigError(f"k={k} must be at least 1 and at most {ids.shape[1]}, the neighbours searched for.")
        for start in range(0, len(ids), _BATCH):
            here = slice(start, start + _BATCH)
            yield np.asarray(ids[here, :k]), np.asarray(scores[here, :k])
