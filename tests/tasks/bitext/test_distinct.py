from __future__ import annotations

import numpy as np
from brute_force import by_brute_force, unit

from orepass.tasks.bitext.distinct import find_distinct


def test_the_nearest_of_all_rows_are_copies_of_the_nearest_different_ones() -> None:
    rng = np.random.default_rng(0)
    tgt = unit(rng.standard_normal((12, 3)))[rng.integers(0, 12, 100)]
    queries = unit(rng.standard_normal((30, 3)))
    distinct = find_distinct(tgt)
    different = distinct.rows(tgt)
    assert len(different) == 12
    np.testing.assert_array_equal(different[distinct.number], tgt)
    for k in (1, 5, 40):
        ids, scores = distinct.expand(*by_brute_force(queries, different, k))
        expected = by_brute_force(queries, tgt, k)
        np.testing.assert_array_equal(ids, expected[0])
        np.testing.assert_array_equal(scores, expected[1])


def test_rows_without_copies_stay_where_they_are() -> None:
    rows = unit(np.random.default_rng(0).standard_normal((5, 3)))
    distinct = find_distinct(rows)
    assert distinct.rows(rows) is rows
    ids, scores = np.array([[2, -1]]), np.array([[0.5, -np.inf]], np.float32)
    assert distinct.expand(ids, scores) == (ids, scores)
