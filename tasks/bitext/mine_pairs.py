"""The step that chooses pairs of sentences by the margins of their neighbours."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orepass import module, workdir
from orepass.config import Config
from orepass.errors import ConfigError, InputError
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
    """

    forward: tuple[Neighbours, ...]
    backward: tuple[Neighbours, ...]
    k: int = 16
    margin: str = "ratio"
    retrieval: str = "intersection"
    threshold: float = 1.06


@dataclass(frozen=True)
class MinedPairs:
    """Mined pairs.

    Attributes:
        pairs: `.npy`, structured: src and tgt (int64, rows over all shards of their side) and score (float32),
            by score (highest first), then src, then tgt.
        count: how many there are.
    """

    pairs: Path
    count: int


@module(version="1")
def mine_pairs(config: MinePairsConfig) -> MinedPairs:
    """Choose the pairs whose margin reaches the threshold.

    Raises:
        ConfigError: a margin or retrieval that does not exist, or more neighbours than were searched for.
        InputError: neighbours of the two sides that do not belong together.
    """
    check_choice("margin", config.margin, MARGINS)
    check_choice("retrieval", config.retrieval, RETRIEVALS)
    forward, backward = best_pairs(config.forward, config.backward, config.k, config.margin)
    candidates = retrieve(forward, backward, config.retrieval)
    pairs = candidates[candidates["score"] >= config.threshold]
    if len(pairs) == 0:
        best = f"the best margin is {candidates['score'][0]:.4f}" if len(candidates) else "there are no candidates"
        _log.warning(
            "no pair reaches threshold=%g: %s. Lower the threshold, or look at the encoder and the languages.",
            config.threshold,
            best,
        )
    path = workdir() / "pairs.npy"
    np.save(path, pairs)
    return MinedPairs(path, len(pairs))


def best_pairs(
    forward: Sequence[Neighbours], backward: Sequence[Neighbours], k: int, margin: str
) -> tuple[Pairs, Pairs]:
    """The best partner by margin of each sentence, for both directions; sentences without neighbours have none.

    Main memory holds a few numbers a sentence; the neighbours are read in batches.

    Args:
        forward: the neighbours of the source sentences, shard by shard.
        backward: the neighbours of the target sentences.
        k: how many neighbours count.
        margin: a name in `MARGINS`.

    Returns:
        Pairs (src, tgt, score) by source sentence, and pairs by target sentence.
    """
    src_means, tgt_means = _means(forward, k), _means(backward, k)
    best_tgt, forward_scores = _best(forward, k, src_means, tgt_means, margin)
    best_src, backward_scores = _best(backward, k, tgt_means, src_means, margin)
    return (
        as_pairs(np.arange(len(best_tgt)), best_tgt, forward_scores),
        as_pairs(best_src, np.arange(len(best_src)), backward_scores),
    )


def _means(shards: Sequence[Neighbours], k: int) -> Floats64:
    return np.concatenate([mean_cosines(scores) for _, scores in _batches(shards, k)])


def _best(
    shards: Sequence[Neighbours], k: int, own_means: Floats64, other_means: Floats64, margin: str
) -> tuple[Ids, Floats32]:
    best_ids, best_scores = [], []
    start = 0
    for ids, scores in _batches(shards, k):
        if ids.max(initial=-1) >= len(other_means):
            raise InputError(
                f"A neighbour has row {ids.max()}, but the other side has {len(other_means)} rows. Give the "
                "neighbours of both directions of one corpus, all shards of each."
            )
        chosen = best_neighbours(ids, margins(ids, scores, own_means[start : start + len(ids)], other_means, margin))
        best_ids.append(chosen[0])
        best_scores.append(chosen[1])
        start += len(ids)
    return np.concatenate(best_ids), np.concatenate(best_scores)


def _batches(shards: Sequence[Neighbours], k: int) -> Iterator[tuple[Ids, Floats32]]:
    for shard in shards:
        ids = np.load(shard.ids, mmap_mode="r")
        scores = np.load(shard.scores, mmap_mode="r")
        if not 1 <= k <= ids.shape[1]:
            raise ConfigError(f"k={k} must be at least 1 and at most {ids.shape[1]}, the neighbours searched for.")
        for start in range(0, len(ids), _BATCH):
            here = slice(start, start + _BATCH)
            yield np.asarray(ids[here, :k]), np.asarray(scores[here, :k])
