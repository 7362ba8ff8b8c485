"""What error messages end with."""

import pytest

from orepass.errors import did_you_mean


@pytest.mark.parametrize(
    ("valid", "said"),
    [
        (["tpe", "grid"], "Did you mean 'tpe'? Valid: grid, tpe."),
        (["grid"], "Valid: grid."),
        ([], "There is none."),
    ],
)
def test_the_valid_words_and_the_nearest(valid: list[str], said: str) -> None:
    assert did_you_mean("tep", valid) == said
