from __future__ import annotations

from pathlib import Path

import pytest

from orepass.errors import StoreError
from orepass.publish import publish_text


def test_what_cannot_be_written_loses_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    assert publish_text("a\n", tmp_path / "out" / "table.tsv").read_text() == "a\n"
    with pytest.raises(StoreError, match=r"report\.json to .*table\.tsv.* output_dir"):
        publish_text("b", tmp_path / "out" / "table.tsv" / "report.json")
    assert (tmp_path / "out" / "table.tsv").read_text() == "a\n"
