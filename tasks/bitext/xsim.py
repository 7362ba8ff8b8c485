"""The xsim error: how often the best neighbour of a sentence is not its known translation.

Similarity search with margins, as in Heffernan, Celebi and Schwenk, Bitext Mining Using Distilled Sentence
Representations for Low-Resource Languages (arXiv:2205.12654), section 3.2; there among the known pairs only, here
among all sentences of the corpus, which is harder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orepass.config import Config
from orepass.tasks.bitext.margin import MARGINS, check_choice
from orepass.tasks.bitext.mine_pairs import best_pairs
from orepass.tasks.bitext.neighbours import Neighbours
from orepass.tasks.text.lines import lines_at, one_line, read_lines


@dataclass(frozen=True)
class XsimConfig(Config):
    """What the xsim error is computed from.

    Attributes:
        forward: the neighbours of the source sentences, shard by shard in order.
        backward: the neighbours of the target sentences.
        src_text: the text shards of the source side, in the same order.
        tgt_text: the text shards of the target side.
        k: how many neighbours count.
        margin: `ratio`, `distance` or `absolute`.
    """

    forward: tuple[Neighbours, ...]
    backward: tuple[Neighbours, ...]
    src_text: tuple[Path, ...]
    tgt_text: tuple[Path, ...]
    k: int = 16
    margin: str = "ratio"


def xsim_errors(config: XsimConfig, gold: Iterable[tuple[str, str]]) -> tuple[float | None, float | None]:
    """The xsim errors of both directions.

    A source sentence of a known pair whose two texts are in the corpus is right if the neighbour with the highest
    margin has the text of one of its known translations. A text that occurs several times counts once, by its
    first row.

    Args:
        config: the neighbours and the text.
        gold: known pairs, in the form in which `write_pairs` writes sentences.

    Returns:
        Errors from 0 to 1, of source sentences and of target sentences; None where no known pair is in the corpus.
    """
    check_choice("margin", config.margin, MARGINS)
    known = list(gold)
    src_rows = first_rows(config.src_text, {src for src, _ in known})
    tgt_rows = first_rows(config.tgt_text, {tgt for _, tgt in known})
    inside = [(src, tgt) for src, tgt in known if src in src_rows and tgt in tgt_rows]
    forward, backward = best_pairs(config.forward, config.backward, config.k, config.margin)
    best_tgt = dict(zip(forward["src"].tolist(), forward["tgt"].tolist(), strict=True))
    best_src = dict(zip(backward["tgt"].tolist(), backward["src"].tolist(), strict=True))
    return (
        _error(inside, src_rows, best_tgt, config.tgt_text),
        _error([(tgt, src) for src, tgt in inside], tgt_rows, best_src, config.src_text),
    )


def first_rows(paths: Sequence[Path], texts: set[str]) -> dict[str, int]:
    """The first row over all files at which each of some sentences stands, for those that are there."""
    rows: dict[str, int] = {}
    row = 0
    for path in paths:
        for line in read_lines(path):
            text = one_line(line)
            if text in texts:
                rows.setdefault(text, row)
            row += 1
    return rows


def _error(
    known: list[tuple[str, str]], rows: dict[str, int], best: dict[int, int], other_text: Sequence[Path]
) -> float | None:
    if not known:
        return None
    partners: dict[str, set[str]] = {}
    for text, partner in known:
        partners.setdefault(text, set()).add(partner)
    chosen = {text: best.get(rows[text]) for text in partners}
    found = lines_at(other_text, [row for row in chosen.values() if row is not None])
    right = [row is not None and one_line(found[row]) in partners[text] for text, row in chosen.items()]
    return float(1 - np.mean(right))
