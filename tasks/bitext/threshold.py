"""The lowest margin of a pair, where nobody sets one."""

from __future__ import annotations

from orepass.pipelines import adapter
from orepass.tasks.text.encoders import EncoderConfig, recommended_threshold

THRESHOLD = 1.06
"""The usual one for ratio margins (Schwenk et al., CCMatrix, arXiv:1911.04944, section 3)."""


@adapter
def usual_threshold(
    encoder: EncoderConfig | None,
    src_lang: str,
    tgt_lang: str,
    margin: str = "ratio",
    retrieval: str = "intersection",
    k: int = 16,
) -> float:
    """The encoder's own threshold, for the way of mining that it was measured with, else 1.06.

    Args:
        encoder: what made the embeddings; None if that is not known.
        src_lang: the source language.
        tgt_lang: the target language.
        margin: how pairs are scored.
        retrieval: which pairs are candidates.
        k: how many neighbours count.
    """
    if encoder is None or (margin, retrieval, k) != ("ratio", "intersection", 16):
        return THRESHOLD
    own = recommended_threshold(encoder, src_lang, tgt_lang)
    return THRESHOLD if own is None else own
