"""The same flow, `flows/mining.py` as it is, on every launcher."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import cluster
from processes_of_tests import Run

from orepass import Store
from orepass.blocks.launchers import LAUNCHERS

FLOW = Path(__file__).parents[2] / "flows" / "mining.py"
OPTIONS = {
    "debug": [],
    "local": [],
    "dask": [],
    "slurm": ["launcher.host=127.0.0.1", "launcher.max_jobs=2"],
    "gpu": ["launcher.rest={name: dask}"],
}


def test_mining_gives_the_same_files_on_every_launcher(slurm: cluster.Cluster, api: str, tmp_path: Path) -> None:
    assert set(OPTIONS) == set(LAUNCHERS)
    found = {}
    for name, options in OPTIONS.items():
        store = Store(tmp_path / name / "store")
        found[name] = mine(tmp_path / name, f"launcher={name}", f"store.root={store.root}", *options)
        jobs = {record.job_id for module in store.modules() for record in store.records(module)}
        assert (jobs == {None}) == (name != "slurm")
    pairs, report = found.pop("debug")
    assert pairs.count(b"\n") > 50
    for name, (others, its_report) in found.items():
        assert others == pairs, name
        assert its_report == report, name


def mine(folder: Path, *arguments: str) -> tuple[bytes, dict[str, Any]]:
    """The pairs that a run of the demo finds, and its report without what tells of the run itself."""
    folder.mkdir()
    command = [sys.executable, str(FLOW), "output_dir=out", *arguments]
    run = Run(command, folder / "log", cwd=folder, env=os.environ, start_new_session=True)
    try:
        said = run.end(180)
    finally:
        run.kill()
    assert run.process.returncode == 0, said
    (result,) = (folder / "out").iterdir()
    report = json.loads((result / "report.json").read_text())
    del report["steps"]
    return (result / "pairs.tsv").read_bytes(), report
