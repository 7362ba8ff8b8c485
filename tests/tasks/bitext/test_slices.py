from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brute_force import unit
from hypothesis import given
from hypothesis import strategies as st

from orepass.errors import InputError
from orepass.tasks.bitext.slices import FEWEST_ROWS, MOST_ROWS, Slice, cut, read_slice
from orepass.tasks.bitext.vectors import Vectors


@given(st.lists(st.integers(1, 3 * MOST_ROWS), min_size=1, max_size=20))
def test_slices_cover_every_row_once_in_order(counts: list[int]) -> None:
    files = [Path(f"{number}.npy") for number in range(len(counts))]
    slices = cut(files, counts)
    counted = dict(zip(files, counts, strict=True))
    left: list[Path] = []
    for piece in slices:
        if piece.start == 0:
            assert not left  # the slice before was the last of its files
            left, done = [*piece.files], 0
        assert piece.start == done
        done += piece.rows
        if done == sum(counted[file] for file in piece.files):
            left = []
    assert sum(piece.rows for piece in slices) == sum(counts)
    assert all(0 < piece.rows <= MOST_ROWS for piece in slices)
    held = [file for piece in slices if piece.start == 0 for file in piece.files]
    assert held == files


def test_small_shards_go_together_and_large_ones_in_parts() -> None:
    a, b, c = Path("a"), Path("b"), Path("c")
    assert cut([a, b], [10, 20]) == [Slice((a, b), 0, 30)]
    large = cut([a, b, c], [5, 3 * MOST_ROWS, 7])
    assert [piece.files for piece in large] == [(a,), (b,), (b,), (b,), (c,)]
    assert [piece.rows for piece in large] == [5, MOST_ROWS, MOST_ROWS, MOST_ROWS, 7]
    assert len(cut([a], [2 * FEWEST_ROWS])) == 2


def test_what_is_appended_leaves_the_slices_before_it() -> None:
    files = [Path(str(number)) for number in range(12)]
    assert cut(files, [50_000] * 12)[:4] == cut(files[:10], [50_000] * 10)[:4]


def test_unit_rows_in_one_file_are_read_in_place(save: Any) -> None:
    rows = unit(np.random.default_rng(0).standard_normal((20, 3)))
    rows[4] = 0
    (file,) = save("x", rows)
    found = read_slice(Slice((file,), 3, 10))
    np.testing.assert_array_equal(found, rows[3:13])
    assert not found.flags.owndata


def test_other_rows_are_scaled_and_several_files_joined(save: Any) -> None:
    rows = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float16)
    files = tuple(save("x", rows, 3))
    found = read_slice(Slice(files, 2, 17))
    np.testing.assert_array_equal(found, Vectors(files).rows(np.arange(2, 19)))
    assert found.dtype == np.float32


def test_rows_that_are_no_numbers(save: Any) -> None:
    rows = unit(np.random.default_rng(0).standard_normal((20, 3)))
    rows[7, 1] = np.nan
    (file,) = save("x", rows)
    with pytest.raises(InputError, match=r"row 7 \(from 0\): NaN"):
        read_slice(Slice((file,), 5, 10))
