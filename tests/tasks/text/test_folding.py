from __future__ import annotations

import pytest

from orepass.tasks.text.folding import fold


@pytest.mark.parametrize(
    "same",
    [
        "Enter a valid URL.",
        "enter a VALID url",
        "“Enter” a  valid URL…",
        "\uff25\uff4e\uff54\uff45\uff52 a\u00a0valid\nURL!",
        "Enter a\u2028valid U R L",
    ],
)
def test_spelling_does_not_count(same: str) -> None:
    assert fold(same) == "enteravalidurl"


def test_letters_digits_and_accents_count() -> None:
    assert fold("résumé 1") != fold("resume 1")
    assert fold("page 1") != fold("page 2")
    assert fold("Straße") == fold("STRASSE")
    assert fold("हिन्दी") == "हिन्दी"  # vowel signs are marks, not letters
    assert fold("… - !") == ""
