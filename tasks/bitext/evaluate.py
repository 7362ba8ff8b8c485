"""The step that compares mined pairs with known ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orepass import module
from orepass.config import Config
from orepass.tasks.bitext.write_pairs import read_gold, read_pairs
from orepass.tasks.bitext.xsim import XsimConfig, xsim_errors

_BINS = 20


@dataclass(frozen=True)
class EvaluateConfig(Config):
    """What is evaluated.

    Attributes:
        pairs: mined pairs, a file of `write_pairs`.
        gold: known pairs, `source<TAB>target` a line.
        xsim: what the xsim error is computed from; None to leave it out.
    """

    pairs: Path
    gold: Path
    xsim: XsimConfig | None = None


@dataclass(frozen=True)
class Evaluation:
    """How mined pairs compare with known ones; pairs of the same two texts count once on either side.

    Attributes:
        pairs: different mined pairs.
        gold: different known pairs.
        correct: mined pairs that are known.
        precision: correct / pairs, 0 if nothing was mined.
        recall: correct / gold.
        f1: harmonic mean of precision and recall.
        best_threshold: the threshold at which F1 would be highest, looking at mined pairs only; None if nothing
            was mined.
        best_f1: F1 at that threshold.
        xsim_error_forward: see `xsim_errors`; None if it was not asked for or no known pair is in the corpus.
        xsim_error_backward: likewise, of the target sentences.
        histogram_counts: mined pairs (all, also repeated ones) by score.
        histogram_edges: the edges of the bins, one more than counts.
    """

    pairs: int
    gold: int
    correct: int
    precision: float
    recall: float
    f1: float
    best_threshold: float | None
    best_f1: float
    xsim_error_forward: float | None
    xsim_error_backward: float | None
    histogram_counts: tuple[int, ...]
    histogram_edges: tuple[float, ...]


@module(version="1")
def evaluate(config: EvaluateConfig) -> Evaluation:
    """Precision, recall and F1 of mined pairs against known ones, matched by their texts.

    Known pairs are compared in the form in which sentences are written, see `write_pairs`.

    Raises:
        InputError: a file that cannot be read or has another form, or no known pairs.
    """
    gold = dict.fromkeys(read_gold(config.gold))
    mined: dict[tuple[str, str], float] = {}
    scores = []
    for score, src, tgt in read_pairs(config.pairs):
        scores.append(score)
        mined[src, tgt] = max(score, mined.get((src, tgt), score))
    hits = np.array([pair in gold for pair in mined], np.bool_)
    correct = int(hits.sum())
    best_threshold, best_f1 = best_cut(np.array(list(mined.values())), hits, len(gold))
    forward, backward = xsim_errors(config.xsim, gold) if config.xsim else (None, None)
    counts, edges = histogram(scores)
    return Evaluation(
        pairs=len(mined),
        gold=len(gold),
        correct=correct,
        precision=correct / max(len(mined), 1),
        recall=correct / len(gold),
        f1=f1(correct, len(mined), len(gold)),
        best_threshold=best_threshold,
        best_f1=best_f1,
        xsim_error_forward=forward,
        xsim_error_backward=backward,
        histogram_counts=counts,
        histogram_edges=edges,
    )


def f1(correct: int, mined: int, gold: int) -> float:
    """The harmonic mean of correct / mined and correct / gold, 0 if nothing is correct."""
    return 2 * correct / (mined + gold) if correct else 0.0


def best_cut(scores: NDArray[np.float64], hits: NDArray[np.bool_], gold: int) -> tuple[float | None, float]:
    """The threshold with the highest F1.

    Args:
        scores: (n,) of the mined pairs, in any order.
        hits: (n,) whether each is known.
        gold: the number of known pairs.

    Returns:
        A score such that the pairs with this score or more give the highest F1 (the highest such score), and that
        F1. Pairs of equal score stay together. None and 0 if nothing was mined.
    """
    if len(scores) == 0:
        return None, 0.0
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    correct = np.cumsum(hits[order])
    f1s = 2 * correct / (np.arange(1, len(ordered) + 1) + gold)
    last_of_its_score = np.append(ordered[1:] != ordered[:-1], True)
    best = int(np.argmax(np.where(last_of_its_score, f1s, -1)))
    return float(ordered[best]), float(f1s[best])


def histogram(scores: Sequence[float]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Counts and edges of equal bins from the lowest to the highest score; both empty without scores."""
    if not scores:
        return (), ()
    counts, edges = np.histogram(scores, bins=_BINS)
    return tuple(counts.tolist()), tuple(edges.tolist())
