"""Main memory of the steps that turn neighbours into pairs: some numbers for each sentence, however they were found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from orepass.tasks.bitext.cost_model import BASE_GB, GIB, Size, StepCost

# Bytes, measured with 2 x 2,000,000 sentences, where every one of them is in a candidate pair and a known pair.
_MINE = 110
_EVALUATE = 160
_WRITE = 40
_MARK = 1

_CARRIED = 3.5
"""How often what is carried along is in memory at most, while it is put in the order of the pairs."""


def most_pairs(size: Size, retrieval: str) -> int:
    """How many pairs a retrieval can find at most."""
    return {"forward": size.n, "backward": size.m, "union": size.n + size.m}.get(retrieval, min(size.n, size.m))


def mine_cost(size: Size) -> StepCost:
    """What `mine_pairs` needs."""
    return _cost("mine_pairs", _MINE * (size.n + size.m))


def evaluate_cost(size: Size) -> StepCost:
    """What `evaluate` needs, with no more known pairs than sentences of a language."""
    return _cost("evaluate", _EVALUATE * (size.n + size.m))


def write_cost(size: Size, pairs: int, carried: float) -> StepCost:
    """What `write_pairs` needs for this many pairs, with so many bytes carried along with each."""
    return _cost("write_pairs", _MARK * (size.n + size.m) + (_WRITE + _CARRIED * carried) * pairs)


def carried_bytes(paths: Sequence[Path]) -> float:
    """Bytes in memory of a row of carried columns, to judge by the first rows.

    Args:
        paths: parquet files of one language, shard by shard; there may be none.
    """
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                if batch.num_rows:
                    return float(batch.nbytes / batch.num_rows)
    return 0.0


def _cost(step: str, held: float) -> StepCost:
    return StepCost(step, 0.0, None, BASE_GB + held / GIB)
