"""The command `orepass`, in this process."""

from __future__ import annotations

import pytest

from orepass.flows.cli.main import main


def orepass(*words: str) -> int:
    """Run `orepass WORDS`; returns its exit code."""
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)
