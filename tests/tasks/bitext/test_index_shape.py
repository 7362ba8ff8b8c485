from __future__ import annotations

import pytest

from orepass.tasks.bitext.index_shape import shape_of, training_size


@pytest.mark.parametrize(
    ("index_type", "lists", "row_bytes", "streams", "sub_codes", "fast", "unknown"),
    [
        ("Flat", 0, 128, False, 0, False, False),
        ("IVF16,Flat", 16, 136, True, 0, False, False),
        ("IVF16,PQ8x4fsr", 16, 12, True, 8, True, False),
        ("OPQ8,IVF16,PQ8", 16, 16, True, 8, False, False),
        ("PQ8", 0, 8, False, 8, False, False),
        ("IVF16,PQ8,RFlat", 16, 144, False, 8, False, False),
        ("HNSW32", 0, 384, False, 0, False, True),
        ("IVF16,RaBitQ", 16, 20, True, 0, False, True),
    ],
)
def test_shape(
    index_type: str, lists: int, row_bytes: int, streams: bool, sub_codes: int, fast: bool, unknown: bool
) -> None:
    shape = shape_of(index_type, 32)
    assert (shape.lists, shape.row_bytes, shape.streams) == (lists, row_bytes, streams)
    assert (shape.sub_codes, shape.fast, shape.unknown) == (sub_codes, fast, unknown)


@pytest.mark.parametrize(
    ("index_type", "rows"),
    [
        ("SQ8", 16384),
        ("IVF16,Flat", 16384),
        ("IVF1024,PQ8x4fs", 65536),
        ("PQ4x10np", 262144),
        ("OPQ8_32,IVF16,PQ8x4fs", 65536),
    ],
)
def test_training_size(index_type: str, rows: int) -> None:
    assert training_size(shape_of(index_type, 32)) == rows
