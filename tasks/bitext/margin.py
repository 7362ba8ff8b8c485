"""Margins of candidate pairs, and the choice of pairs by them.

Artetxe and Schwenk, Margin-based Parallel Corpus Mining with Multilingual Sentence Embeddings, ACL 2019
(arXiv:1811.01136), section 3.1 (margins, eq. 2 to 4) and 3.2 (retrieval). For a pair (x, y) with cosine a,

    b = mean(cosines of x and its k neighbours) / 2 + mean(cosines of y and its k neighbours) / 2

and the margin is a / b (`ratio`), a - b (`distance`) or a (`absolute`). Where a sentence has fewer than k neighbours
the mean is over those it has. Means and margins are computed in float64, and margins rounded to float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orepass.errors import ConfigError, did_you_mean
from orepass.tasks.bitext.vectors import Floats32, Floats64, Ids

PAIR = np.dtype([("src", np.int64), ("tgt", np.int64), ("score", np.float32), ("direction", np.uint8)])
"""A candidate pair: rows over all shards of each side, their margin, and which directions chose it."""

FORWARD, BACKWARD = 1, 2
"""Directions of a pair: the target is the best of the source, the source is the best of the target; 3 for both."""

Pairs = NDArray[np.void]

_BATCH = 65536

_NEEDED = {"forward": FORWARD, "backward": BACKWARD, "union": 0, "intersection": FORWARD | BACKWARD}
RETRIEVALS = (*_NEEDED, "max")


def _ratio(cosine: Floats64, around: Floats64) -> Floats64:
    # Where the neighbourhood is at a right angle or beyond, a ratio has no meaning: two negatives would make the
    # worst pair look like the best.
    safe = np.where(around > 0, around, 1.0)
    return np.where(around > 0, cosine / safe, -np.inf)


def _distance(cosine: Floats64, around: Floats64) -> Floats64:
    return cosine - around


def _absolute(cosine: Floats64, around: Floats64) -> Floats64:
    return cosine


MARGINS: dict[str, Callable[[Floats64, Floats64], Floats64]] = {
    "ratio": _ratio,
    "distance": _distance,
    "absolute": _absolute,
}


def check_choice(option: str, value: str, valid: Any) -> None:
    """Raise a ConfigError that lists the valid values if the value is none of them."""
    if value not in valid:
        raise ConfigError(f"{option}={value!r} is unknown. {did_you_mean(value, valid)}")


def mean_cosines(scores: Floats32) -> Floats64:
    """The mean cosine of each sentence and its neighbours.

    Args:
        scores: (n, k) cosines, -inf for none.

    Returns:
        (n,) means over those that exist; 0 where there is none.
    """
    total = np.zeros(len(scores))
    count = np.zeros(len(scores))
    for column in range(scores.shape[1]):  # one by one, so that the order of summation is always the same
        exists = scores[:, column] > -np.inf
        total[exists] += scores[exists, column]
        count += exists
    return total / np.maximum(count, 1)


def margins(ids: Ids, scores: Floats32, own_means: Floats64, other_means: Floats64, margin: str) -> Floats32:
    """The margins of sentences and their neighbours.

    Args:
        ids: (n, k) neighbours, -1 for none.
        scores: (n, k) their cosines.
        own_means: (n,) `mean_cosines` of these sentences.
        other_means: `mean_cosines` of all sentences of the other side.
        margin: a name in `MARGINS`.

    Returns:
        (n, k) margins; -inf where there is no neighbour or, with `ratio`, b is not above 0.
    """
    exists = ids >= 0
    cosine = np.where(exists, scores, 0).astype(np.float64)
    around = (own_means[:, None] + other_means[np.where(exists, ids, 0)]) / 2
    return np.where(exists, MARGINS[margin](cosine, around), -np.inf).astype(np.float32)


def best_neighbours(ids: Ids, scores: Floats32) -> tuple[Ids, Floats32]:
    """The neighbour with the highest score of each row, the lowest id where several have it.

    Args:
        ids: (n, k) neighbours, -1 for none.
        scores: (n, k) margins, -inf for none.

    Returns:
        (n,) ids, -1 for none, and (n,) scores.
    """
    best = scores.max(axis=1)
    among = (scores == best[:, None]) & (ids >= 0) & (scores > -np.inf)
    lowest = np.where(among, ids, np.iinfo(np.int64).max).min(axis=1)
    return np.where(among.any(axis=1), lowest, -1), best


def as_pairs(src: Ids, tgt: Ids, scores: Floats32) -> Pairs:
    """Pairs of type `PAIR` out of (n,) columns, without those whose src or tgt is -1, of no direction yet."""
    real = (src >= 0) & (tgt >= 0)
    pairs = np.zeros(int(real.sum()), PAIR)
    pairs["src"], pairs["tgt"], pairs["score"] = src[real], tgt[real], scores[real]
    return pairs


def retrieve(forward: Pairs, backward: Pairs, retrieval: str) -> Pairs:
    """Choose among the best pair of each source sentence and the best pair of each target sentence.

    Args:
        forward: at most one pair a source sentence.
        backward: at most one pair a target sentence.
        retrieval: `forward` or `backward` for one of them, `union` or `intersection` of both, or `max`: of their
            union greedily the pair with the highest score whose two sentences are both still free.

    Returns:
        The pairs, by score (highest first), then source, then target; the direction is that of all that chose it.
    """
    check_choice("retrieval", retrieval, RETRIEVALS)
    both = np.concatenate([forward, backward])
    both["direction"] = np.repeat([FORWARD, BACKWARD], [len(forward), len(backward)])
    both = both[np.lexsort((both["tgt"], both["src"], -both["score"]))]
    # In order, a pair that both directions chose stands twice in a row.
    again = np.flatnonzero(
        np.logical_and.reduce([both[name][1:] == both[name][:-1] for name in ("src", "tgt", "score")])
    )
    both["direction"][again] = FORWARD | BACKWARD
    union: Pairs = np.delete(both, again + 1)
    if retrieval == "max":
        return union[_free_ends(union)]
    needed = _NEEDED[retrieval]
    chosen: NDArray[np.bool_] = union["direction"] & needed == needed
    return union[chosen]


def _free_ends(ordered: Pairs) -> NDArray[np.bool_]:
    free = np.zeros(len(ordered), np.bool_)
    taken_src, taken_tgt = (bytearray(ordered[side].max(initial=-1) + 1) for side in ("src", "tgt"))
    for start in range(0, len(ordered), _BATCH):
        batch = ordered[start : start + _BATCH]
        for place, (src, tgt) in enumerate(zip(batch["src"].tolist(), batch["tgt"].tolist(), strict=True), start):
            if not taken_src[src] and not taken_tgt[tgt]:
                free[place] = taken_src[src] = taken_tgt[tgt] = True
    return free
