from __future__ import annotations

import pytest

import orepass


@pytest.mark.parametrize("name", orepass.__all__)
def test_public_names_can_be_imported_and_are_documented(name: str) -> None:
    assert getattr(orepass, name).__doc__


def test_public_names_are_in_order() -> None:
    assert orepass.__all__ == sorted(orepass.__all__)
