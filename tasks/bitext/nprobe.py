"""How many lists of an inverted file are searched, where nobody says it."""

from __future__ import annotations

from collections.abc import Sequence

from orepass.pipelines import Input, adapter
from orepass.tasks.bitext.embed_text import EmbeddedShard
from orepass.tasks.bitext.index_shape import shape_of
from orepass.tasks.bitext.index_ways import nprobe_for


@adapter
def usual_nprobe(embedded: Input[Sequence[EmbeddedShard]], index_type: str, recall: float = 0.95) -> int:
    """How many lists to look at.

    Args:
        embedded: what is indexed.
        index_type: a FAISS factory string.
        recall: the share of the exact way's pairs that is to be found, from 0 to 1.
    """
    return nprobe_for(shape_of(index_type, embedded[0].dim).lists, recall)
