from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orepass.errors import InputError
from orepass.tasks.bitext.mined_text import mined_text


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    for name, text in (("a", "zero\none 漢字\n"), ("b", "\n"), ("c", "three\r\nfour")):
        (tmp_path / name).write_bytes(text.encode())
    return [tmp_path / name for name in "abc"]


def test_rows_count_over_all_files(paths: list[Path]) -> None:
    with mined_text(paths, np.array([4, 1, 1, 3, 2])) as text:
        assert text.at(np.array([1, 4, 2, 1, 3])) == ["one 漢字", "four", "", "one 漢字", "three"]
        assert text.at(np.empty(0, np.int64)) == []


@pytest.mark.parametrize("rows", [[], [2]])
def test_nothing_but_empty_sentences(paths: list[Path], rows: list[int]) -> None:
    with mined_text(paths, np.array(rows, np.int64)) as text:
        assert text.at(np.array(rows, np.int64)) == [""] * len(rows)


def test_too_few_lines(paths: list[Path]) -> None:
    with (
        pytest.raises(InputError, match=r"Row 5 was asked for, but there are only 5 lines in .*a'"),
        mined_text(paths, np.array([0, 5])),
    ):
        pass


def test_leaves_no_file(paths: list[Path], tmp_path: Path) -> None:
    with mined_text(paths, np.array([0])):
        pass
    assert not [path for path in (tmp_path / "modules").rglob("*") if path.is_file()]
