"""The thresholds of an encoder: the margins with the best F1 on held-out packages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orepass.tasks.bitext.margin import as_pairs, best_neighbours, margins, mean_cosines, retrieve
from orepass.tasks.bitext.topk import rank
from orepass.tasks.text.catalog_corpus import Texts, draw_texts
from orepass.tasks.text.encoders import Encoder

K = 16
XSIM_K = 4
RETRIEVAL = "intersection"
SEEDS = (0, 1, 2)
DISTRACTORS = 0.5
_STEPS = np.arange(1.0, 3.0, 0.01)


@dataclass(frozen=True)
class Mined:
    """The pairs that were mined out of one corpus, before any threshold.

    Attributes:
        scores: their margins, shape (n,).
        correct: which of them are known pairs, shape (n,).
        gold: how many pairs are known.
    """

    scores: NDArray[np.float32]
    correct: NDArray[np.bool_]
    gold: int

    def f1(self, threshold: float) -> float:
        """F1 of the pairs with at least this margin."""
        kept = self.scores >= threshold
        return 2 * int((self.correct & kept).sum()) / (self.gold + int(kept.sum()))


def mine(encoder: Encoder, texts: Texts) -> Mined:
    """Mine one corpus as `flows/mining.py` does: ratio margin, k = 16 both ways, intersection.

    Args:
        encoder: makes the embeddings.
        texts: the corpus; no sentence is twice in it.
    """
    to_tgt, to_src = _best(encoder, texts.src, texts.tgt, K)
    pairs = retrieve(
        as_pairs(np.arange(len(texts.src)), *to_tgt),
        as_pairs(to_src[0], np.arange(len(texts.tgt)), to_src[1]),
        RETRIEVAL,
    )
    gold = set(texts.gold)
    correct = [(texts.src[pair["src"]], texts.tgt[pair["tgt"]]) in gold for pair in pairs]
    return Mined(pairs["score"], np.array(correct, np.bool_), len(gold))


def best_threshold(encoder: Encoder, corpora: Iterable[Sequence[tuple[str, str]]]) -> tuple[float, float]:
    """The threshold with the best F1 on average over corpora, and that average.

    Args:
        encoder: makes the embeddings.
        corpora: sentence pairs; of each, half of the sentences lose their partner, drawn once for each of `SEEDS`.

    Returns:
        The ratio margin and the mean F1.
    """
    mined = [mine(encoder, draw_texts(list(pairs), DISTRACTORS, seed)) for pairs in corpora for seed in SEEDS]
    means = np.array([np.mean([one.f1(threshold) for one in mined]) for threshold in _STEPS])
    best = np.flatnonzero(means == means.max())
    middle = best[len(best) // 2]  # of several equally good ones
    return round(float(_STEPS[middle]), 2), float(means[middle])


def xsim_error(encoder: Encoder, corpora: Iterable[Sequence[tuple[str, str]]]) -> float:
    """The xsim error, see `orepass.tasks.bitext.xsim`, on average over corpora and both directions.

    Ratio margin, k = 4; every sentence has a partner.

    Args:
        encoder: makes the embeddings.
        corpora: sentence pairs; no sentence is twice in one of them.

    Returns:
        From 0 to 1.
    """
    errors = []
    for pairs in corpora:
        for ids, _ in _best(encoder, [source for source, _ in pairs], [target for _, target in pairs], XSIM_K):
            errors.append(np.mean(ids != np.arange(len(pairs))))
    return float(np.mean(errors))


_Best = tuple[NDArray[np.int64], NDArray[np.float32]]


def _best(encoder: Encoder, src: list[str], tgt: list[str], k: int) -> tuple[_Best, _Best]:
    """The best neighbour of each sentence of either side by the ratio margin, -1 for none, and that margin."""
    cosines = encoder.encode(src) @ encoder.encode(tgt).T
    forward, backward = (_nearest(matrix, k) for matrix in (cosines, cosines.T))
    means = mean_cosines(forward[1]), mean_cosines(backward[1])
    return (
        best_neighbours(forward[0], margins(*forward, means[0], means[1], "ratio")),
        best_neighbours(backward[0], margins(*backward, means[1], means[0], "ratio")),
    )


def _nearest(cosines: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    known = cosines.any(axis=1, keepdims=True) & cosines.any(axis=0, keepdims=True)  # zero rows match nothing
    ids = np.broadcast_to(np.arange(cosines.shape[1]), cosines.shape)
    return rank(ids, np.where(known, cosines, -np.inf).astype(np.float32), k)
