"""The xsim error: how often the best neighbour of a sentence is not its known translation.

Similarity search with margins, as in Heffernan, Celebi and Schwenk, Bitext Mining Using Distilled Sentence
Representations for Low-Resource Languages (arXiv:2205.12654), section 3.2; there among the known pairs only, here
among all sentences of the corpus, which is harder. No limit of lengths plays a part, for it is embeddings that are
judged.
"""

from __future__ import annotations

import numpy as np

from orepass.tasks.bitext.gold import Keys, pair_keys
from orepass.tasks.bitext.margin import Pairs
from orepass.tasks.bitext.vectors import Ids


def xsim_errors(gold: Keys, src: Keys, tgt: Keys, forward: Pairs, backward: Pairs) -> tuple[float | None, float | None]:
    """The xsim errors of both directions.

    A source sentence of a known pair whose two texts are in the corpus is right if the neighbour with the highest
    margin has the text of one of its known translations. A text that occurs several times counts once, by its
    first row.

    Args:
        gold: known pairs, (g, 2).
        src: the texts of the source side, (n,).
        tgt: those of the target side, (m,).
        forward: the best pair of each source sentence that has one.
        backward: the best pair of each target sentence that has one.

    Returns:
        Errors from 0 to 1, of source sentences and of target sentences; None where no known pair is in the corpus.
    """
    inside = gold[np.isin(gold[:, 0], src) & np.isin(gold[:, 1], tgt)]
    if len(inside) == 0:
        return None, None
    return (
        _error(inside, src, tgt, _partners(forward["src"], forward["tgt"], len(src))),
        _error(inside[:, ::-1], tgt, src, _partners(backward["tgt"], backward["src"], len(tgt))),
    )


def _partners(own: Ids, other: Ids, count: int) -> Ids:
    """The partner of each of `count` sentences, -1 for none."""
    partners = np.full(count, -1)
    partners[own] = other
    return partners


def _error(gold: Keys, own: Keys, other: Keys, partners: Ids) -> float:
    known = np.flatnonzero(np.isin(own, gold[:, 0]))
    rows = known[np.unique(own[known], return_index=True)[1]]
    found = pair_keys(own[rows], other[partners[rows]])
    right = (partners[rows] >= 0) & np.isin(found, pair_keys(gold[:, 0], gold[:, 1]))
    return float(1 - right.mean())
