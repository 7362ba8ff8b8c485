from __future__ import annotations

import pytest

from orepass.runnables.names import find, own_names


@pytest.mark.parametrize("name", sorted(own_names()))
def test_registered_names_can_be_imported(name: str) -> None:
    assert find(name).__doc__
