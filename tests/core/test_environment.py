from __future__ import annotations

import os
import subprocess
import sys

import pytest

from orepass import environment

# Only the settings, for all of the package takes seconds to import.
CODE = "import runpy, sys; runpy.run_path(sys.argv[1])['set_defaults'](); import faiss"


@pytest.mark.parametrize(("own", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "ACTIVE")])
def test_threads_that_wait_sleep_unless_the_user_says_otherwise(own: dict[str, str], policy: str) -> None:
    others = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    ended = subprocess.run(
        [sys.executable, "-c", CODE, environment.__file__],
        env={**others, **own, "OMP_DISPLAY_ENV": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"OMP_WAIT_POLICY = '{policy}'" in ended.stderr
