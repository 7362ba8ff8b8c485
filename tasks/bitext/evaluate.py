"""The step that compares mined pairs with known ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orepass import Requirements, module
from orepass.config import Config
from orepass.pipelines import Input
from orepass.tasks.bitext.gold import pair_keys, read_gold, text_keys
from orepass.tasks.bitext.margin import MARGINS, check_choice
from orepass.tasks.bitext.mine_pairs import best_pairs
from orepass.tasks.bitext.neighbours import Neighbours
from orepass.tasks.bitext.xsim import xsim_errors


@dataclass(frozen=True)
class EvaluateConfig(Config):
    """What is evaluated.

    Attributes:
        candidates: `MinedPairs.candidates`.
        count: how many of them are mined.
        gold: known pairs, `source<TAB>target` a line.
        src_text: the text shards of the source side.
        tgt_text: the text shards of the target side.
        forward: the neighbours of the source sentences, shard by shard in the same order, for the xsim error.
        backward: the neighbours of the target sentences.
        k: how many neighbours count.
        margin: `ratio`, `distance` or `absolute`.
        mem_gb: GiB that the step asks for.
    """

    candidates: Input[Path]
    count: Input[int]
    gold: Input[Path]
    src_text: Input[tuple[Path, ...]]
    tgt_text: Input[tuple[Path, ...]]
    forward: Input[tuple[Neighbours, ...]]
    backward: Input[tuple[Neighbours, ...]]
    k: int = 16
    margin: str = "ratio"
    mem_gb: float = 2.0


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
        best_threshold: the threshold at which F1 is highest, above or below the one that was used; None without
            candidates.
        best_precision: precision at that threshold.
        best_recall: recall at that threshold.
        best_f1: F1 at that threshold.
        xsim_error_forward: see `xsim_errors`; None if no known pair is in the corpus.
        xsim_error_backward: likewise, of the target sentences.
    """

    pairs: int
    gold: int
    correct: int
    precision: float
    recall: float
    f1: float
    best_threshold: float | None
    best_precision: float
    best_recall: float
    best_f1: float
    xsim_error_forward: float | None
    xsim_error_backward: float | None


@module(
    version="2",
    requires=lambda config: Requirements(mem_gb=config.mem_gb),
    config_for_cache=lambda config: {name: value for name, value in vars(config).items() if name != "mem_gb"},
)
def evaluate(config: EvaluateConfig) -> Evaluation:
    """Precision, recall and F1 of mined pairs against known ones, matched by their texts, and the xsim errors.

    Known pairs are compared in the form in which sentences are written, see `write_pairs`.

    Raises:
        ConfigError: a margin that does not exist.
        InputError: a file that cannot be read or has another form, or no known pairs.
    """
    check_choice("margin", config.margin, MARGINS)
    gold = read_gold(config.gold)
    src, tgt = text_keys(config.src_text), text_keys(config.tgt_text)
    candidates = np.load(config.candidates, mmap_mode="r")
    keys = pair_keys(src[candidates["src"]], tgt[candidates["tgt"]])
    first = np.sort(np.unique(keys, return_index=True)[1])  # of equal texts the best, for the best comes first
    scores = candidates["score"][first].astype(np.float64)
    correct = np.cumsum(np.isin(keys[first], pair_keys(gold[:, 0], gold[:, 1])), dtype=np.int64)
    mined = int((first < config.count).sum())
    best = best_cut(scores, correct, len(gold))
    neighbours = best_pairs(config.forward, config.backward, config.k, config.margin)
    forward, backward = xsim_errors(gold, src, tgt, *neighbours)
    at, at_best = (_quality(correct, count, len(gold)) for count in (mined, best))
    return Evaluation(
        pairs=mined,
        gold=len(gold),
        correct=int(correct[mined - 1]) if mined else 0,
        precision=at[0],
        recall=at[1],
        f1=at[2],
        best_threshold=float(scores[best - 1]) if best else None,
        best_precision=at_best[0],
        best_recall=at_best[1],
        best_f1=at_best[2],
        xsim_error_forward=forward,
        xsim_error_backward=backward,
    )


def best_cut(scores: NDArray[np.float64], correct: NDArray[np.int64], gold: int) -> int:
    """How many of the best pairs give the highest F1.

    Args:
        scores: (n,) best first.
        correct: (n,) how many of the pairs so far are known.
        gold: the number of known pairs.

    Returns:
        The lowest such number that does not part pairs of equal score, at most n; 0 without pairs.
    """
    if len(scores) == 0:
        return 0
    last_of_its_score = np.append(scores[1:] != scores[:-1], True)
    f1s = 2 * correct / (np.arange(1, len(scores) + 1) + gold)
    return int(np.argmax(np.where(last_of_its_score, f1s, -1))) + 1


def _quality(correct: NDArray[np.int64], count: int, gold: int) -> tuple[float, float, float]:
    """Precision, recall and F1 of the best `count` pairs."""
    right = int(correct[count - 1]) if count else 0
    return right / max(count, 1), right / gold, 2 * right / (count + gold)
