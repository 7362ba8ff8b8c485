from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orepass.errors import ConfigError
from orepass.tasks.bitext.margin import (
    BACKWARD,
    FORWARD,
    MARGINS,
    RETRIEVALS,
    as_pairs,
    best_neighbours,
    margins,
    mean_cosines,
    retrieve,
)


def around(row: list[float]) -> float:
    """The mean over the neighbours that exist."""
    real = [score for score in row if score > -np.inf]
    return sum(real) / len(real) if real else 0.0


def by_hand(margin: str, cosine: float, x: list[float], y: list[float]) -> float:
    """Equations 2 to 4 of arXiv:1811.01136, with means over neighbours that exist."""
    b = around(x) / 2 + around(y) / 2
    if margin == "ratio":
        return cosine / b if b > 0 else -np.inf
    return cosine - b if margin == "distance" else cosine


cosines = st.floats(-1, 1, width=32) | st.sampled_from([0.0, 0.5, 0.25])


@st.composite
def neighbourhoods(draw: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, m, k = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    ids = np.full((n, k), -1)
    scores = np.full((n, k), -np.inf, np.float32)
    for row in range(n):
        found = draw(st.lists(st.integers(0, m - 1), max_size=k, unique=True))
        ids[row, : len(found)] = found
        scores[row, : len(found)] = sorted(draw(st.lists(cosines, min_size=len(found), max_size=len(found))))[::-1]
    other = np.full((m, k), -np.inf, np.float32)
    for row in range(m):
        count = draw(st.integers(0, k))
        other[row, :count] = draw(st.lists(cosines, min_size=count, max_size=count))
    return ids, scores, other


@given(neighbourhoods(), st.sampled_from(list(MARGINS)))
@settings(deadline=None)
def test_margins_by_their_equations(case: tuple[np.ndarray, np.ndarray, np.ndarray], margin: str) -> None:
    ids, scores, other = case
    found = margins(ids, scores, mean_cosines(scores), mean_cosines(other), margin)
    for row, column in np.ndindex(*ids.shape):
        y = ids[row, column]
        expected = (
            by_hand(margin, float(scores[row, column]), scores[row].tolist(), other[y].tolist()) if y >= 0 else -np.inf
        )
        assert found[row, column] == pytest.approx(expected, rel=1e-6, abs=1e-6) or abs(expected) > 1e6


@given(neighbourhoods())
def test_best_neighbour_is_the_highest_margin_then_the_lowest_id(case: Any) -> None:
    ids, scores, _ = case
    best, best_scores = best_neighbours(ids, scores)
    for row in range(len(ids)):
        real = [(-score, y) for score, y in zip(scores[row], ids[row], strict=True) if y >= 0]
        assert (best[row], best_scores[row]) == ((min(real)[1], -min(real)[0]) if real else (-1, -np.inf))


score_of_a_pair = st.sampled_from([0.5, 1.0, 1.25, 1.5])


@st.composite
def best_of_both(draw: Any) -> tuple[dict[int, int], dict[int, int], dict[tuple[int, int], float]]:
    n, m = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    forward = draw(st.dictionaries(st.integers(0, n - 1), st.integers(0, m - 1)))
    backward = draw(st.dictionaries(st.integers(0, m - 1), st.integers(0, n - 1)))
    pairs = set(forward.items()) | {(x, y) for y, x in backward.items()}
    return forward, backward, {pair: draw(score_of_a_pair) for pair in sorted(pairs)}


def table(pairs: list[tuple[int, int]], scores: dict[tuple[int, int], float]) -> Any:
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    return as_pairs(columns[:, 0], columns[:, 1], np.array([scores[pair] for pair in pairs], np.float32))


@given(best_of_both(), st.sampled_from(RETRIEVALS))
def test_retrievals_by_their_definitions(case: Any, retrieval: str) -> None:
    forward, backward, scores = case
    ahead, back = set(forward.items()), {(x, y) for y, x in backward.items()}
    chosen = {"forward": ahead, "backward": back, "intersection": ahead & back}.get(retrieval, ahead | back)
    expected = sorted(chosen, key=lambda pair: (-scores[pair], pair))
    if retrieval == "max":
        expected = []
        for x, y in sorted(chosen, key=lambda pair: (-scores[pair], pair)):
            if all(x != a and y != b for a, b in expected):
                expected.append((x, y))
    found = retrieve(
        table([(x, forward[x]) for x in sorted(forward)], scores),
        table([(backward[y], y) for y in sorted(backward)], scores),
        retrieval,
    )
    assert [(int(x), int(y)) for x, y, *_ in found] == expected
    assert found["score"].tolist() == [scores[pair] for pair in expected]
    assert found["direction"].tolist() == [FORWARD * (pair in ahead) | BACKWARD * (pair in back) for pair in expected]


def test_ratio_of_a_negative_neighbourhood_is_no_match() -> None:
    ids, scores = np.array([[0]]), np.array([[-0.5]], np.float32)
    assert margins(ids, scores, np.array([-0.5]), np.array([-0.5]), "ratio")[0, 0] == -np.inf


def test_unknown_retrieval() -> None:
    none = table([], {})
    with pytest.raises(ConfigError, match=r"retrieval='maximum' is unknown\. .*Valid: backward, forward, inter"):
        retrieve(none, none, "maximum")
