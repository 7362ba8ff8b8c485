"""These tests train, so all of them need the extra `train`."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("accelerate") is None or importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]
