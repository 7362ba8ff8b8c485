from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from orepass.tasks.text.prepared import PreparedText, read_prepared
from orepass.tasks.text.read_text import ReadTextConfig, TextFile, read_text

Prepare = Callable[..., tuple[PreparedText, ...]]


@pytest.fixture(autouse=True)
def temporary_folders_of_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modules").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "modules"))


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Some lines as prepared text, in shards of a size."""

    def write(lines: Sequence[str], shard_lines: int | None = None) -> tuple[PreparedText, ...]:
        path = tmp_path / "lines.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        return read_text(ReadTextConfig(shard_lines=shard_lines), TextFile(path))

    return write


def content(*parts: PreparedText) -> tuple[list[str], list[int], dict[str, list[Any]]]:
    """The lines, rows and carried columns of prepared texts."""
    lines: list[str] = []
    rows: list[int] = []
    columns: dict[str, list[Any]] = {}
    for part in parts:
        for piece in read_prepared(part):
            lines += piece.lines
            rows += piece.rows.tolist()
            for name, values in (piece.columns.to_pydict() if piece.columns else {}).items():
                columns.setdefault(name, []).extend(values)
    assert len(lines) == len(rows) == sum(part.lines for part in parts)
    return lines, rows, columns
