from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_apps(apps: Path) -> None:
    """No test of apps sees those of another."""
