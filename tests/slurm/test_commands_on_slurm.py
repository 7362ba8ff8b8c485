"""Commands of users that are jobs of Slurm."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cluster
import numpy as np
import pytest

from orepass.errors import InputError
from orepass.tasks.apps.command import CommandOptions
from orepass.tasks.text.filter_command import FilterCommandConfig, filter_command
from orepass.tasks.text.prepared import read_prepared
from orepass.tasks.text.read_text import ReadTextConfig, TextFile, read_text


def test_a_shard_goes_through_a_job(slurm: cluster.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "lines.txt").write_text("one $$ 'q'\ndrop\nthree ${app_id}\n")
    (part,) = read_text(ReadTextConfig(), TextFile(tmp_path / "lines.txt"))
    app = CommandOptions(mem_gb=0.1, scheduler="slurm", scheduler_options={"folder": tmp_path / "apps"})
    (piece,) = read_prepared(filter_command(FilterCommandConfig(("sed", "s/^drop$//; s/e/E $$/"), app), part))
    assert piece.lines == ["onE $$ $$ 'q'", "thrE $$e ${app_id}"]
    np.testing.assert_array_equal(piece.rows, [0, 2])
    too_few = FilterCommandConfig(("sh", "-c", "echo on a node >&2; head -n 1"), app)
    with pytest.raises(InputError, match=r"wrote 1 line for 3 sentences[\s\S]*on a node"):
        filter_command(too_few, part)
