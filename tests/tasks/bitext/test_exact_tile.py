from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pytest
from brute_force import Rows, by_brute_force, unit
from numpy.typing import NDArray

from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.exact_tile import ExactTileConfig, Tile, exact_tile
from orepass.tasks.bitext.merge_neighbours import MergeNeighboursConfig, Strip, merge_neighbours
from orepass.tasks.bitext.neighbours import Neighbours
from orepass.tasks.bitext.slices import Slice

Found = tuple[NDArray[np.int64], Rows]


def cut_evenly(save: Any, name: str, rows: Rows, pieces: int) -> list[Slice]:
    (file,) = save(name, rows)
    edges = [len(rows) * piece // pieces for piece in range(pieces + 1)]
    return [Slice((file,), start, stop - start) for start, stop in pairwise(edges)]


def load(shards: list[Neighbours]) -> Found:
    return tuple(np.concatenate([np.load(getattr(one, name)) for one in shards]) for name in ("ids", "scores"))  # type: ignore[return-value]


def mine(save: Any, src: Rows, tgt: Rows, cuts: tuple[int, int], config: ExactTileConfig) -> tuple[Found, Found]:
    """All neighbours, both ways, with the two sides cut in so many slices."""
    rows, columns = cut_evenly(save, "src", src, cuts[0]), cut_evenly(save, "tgt", tgt, cuts[1])
    grid = [[exact_tile(config, Tile(row, column)) for column in columns] for row in rows]
    found = []
    for slices, strips in (
        (columns, [[tile.forward for tile in row] for row in grid]),
        (rows, [[tile.backward for tile in column] for column in zip(*grid, strict=True)]),
    ):
        offsets = tuple(accumulate((piece.rows for piece in slices[:-1]), initial=0))
        merging = MergeNeighboursConfig(config.k)
        found.append(load([merge_neighbours(merging, Strip(tuple(strip), offsets)) for strip in strips]))
    return found[0], found[1]


@pytest.mark.parametrize("cuts", [(1, 1), (1, 7), (3, 2), (5, 5)])
def test_slices_change_no_bit(save: Any, cuts: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    src, tgt = rng.standard_normal((90, 8)), rng.standard_normal((70, 8))
    tgt[20:60] = src[3]  # ties across slices
    src[50:55] = 0
    src, tgt = unit(src), unit(tgt)
    forward, backward = mine(save, src, tgt, cuts, ExactTileConfig(k=16))
    for found, expected in ((forward, by_brute_force(src, tgt, 16)), (backward, by_brute_force(tgt, src, 16))):
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_slices_with_fewer_rows_than_neighbours(save: Any) -> None:
    rng = np.random.default_rng(0)
    src, tgt = unit(rng.standard_normal((4, 3))), unit(rng.standard_normal((3, 3)))
    (ids, scores), _ = mine(save, src, tgt, (2, 3), ExactTileConfig(k=5))
    assert (np.sort(ids, axis=1) == [-1, -1, 0, 1, 2]).all()
    assert (scores[:, 3:] == -np.inf).all()


def test_only_k_counts_for_the_key() -> None:
    one = exact_tile.config_for_key(ExactTileConfig())
    assert exact_tile.config_for_key(ExactTileConfig(16, "float32", True, 4, 9.0, 1.0)) == one
    assert exact_tile.config_for_key(ExactTileConfig(15)) != one


def test_what_cannot_be_searched(save: Any) -> None:
    (narrow,) = cut_evenly(save, "narrow", unit(np.ones((3, 2))), 1)
    (wide,) = cut_evenly(save, "wide", unit(np.ones((3, 4))), 1)
    with pytest.raises(InputError, match=r"rows of width 2, .* of width 4. Embed both languages with one encoder"):
        exact_tile(ExactTileConfig(), Tile(narrow, wide))
    with pytest.raises(ConfigError, match="k=0 must be at least 1"):
        exact_tile(ExactTileConfig(k=0), Tile(narrow, narrow))
    found = exact_tile(ExactTileConfig(k=2), Tile(narrow, narrow))
    with pytest.raises(InputError, match=r"shape \(3, 2\), not \(3, 3\)"):
        merge_neighbours(MergeNeighboursConfig(3), Strip((found.forward,), (0,)))
