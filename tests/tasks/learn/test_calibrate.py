from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from orepass.tasks.learn.calibrate import xsim_error


class Letters:
    """A sentence is a letter, and has the same vector in upper and lower case; that of `a` is zero."""

    dim = 26
    tolerance = 0.0

    def encode(self, sentences: Sequence[str]) -> np.ndarray:  # type: ignore[type-arg]
        rows = np.zeros((len(sentences), self.dim), np.float32)
        for row, letter in zip(rows, sentences, strict=True):
            row[ord(letter.lower()) - ord("a")] = letter != "a"
        return rows


def test_the_xsim_error_is_the_mean_of_both_directions_and_all_corpora() -> None:
    right = [("b", "B"), ("c", "C"), ("d", "D"), ("e", "E"), ("f", "F")]
    turned = [("b", "C"), ("c", "B"), ("d", "D"), ("e", "E"), ("f", "F")]
    unknown = [("a", "B"), ("c", "C"), ("d", "D"), ("e", "E"), ("f", "F")]  # neither a nor B finds anything
    assert xsim_error(Letters(), [right]) == 0
    assert xsim_error(Letters(), [turned]) == pytest.approx(0.4)
    assert xsim_error(Letters(), [right, turned, unknown]) == pytest.approx((0 + 0.4 + 0.2) / 3)
