from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from learning import example, line, train
from torch.utils.data import DataLoader

from orepass.learn import Trainer

EXAMPLES = Path(__file__).parents[2] / "examples"

# What every process does: a whole training, one that is left in the middle of an epoch and taken up again, and one
# whose batches are half as large as those of a single process.
SCRIPT = """
import sys
from pathlib import Path

import torch
from accelerate import PartialState
from learning import example, line, train, trainer
from orepass.errors import ConfigError
from orepass.learn import Trainer

torch.set_num_threads(1)
folder = Path(sys.argv[1])
whole = trainer(folder / "whole", eval_every=3)
assert whole.session.accelerator.num_processes == 2
train(whole)
trainer(folder / "parts", eval_every=3).run()
train(trainer(folder / "parts", eval_every=3))

data = [example(number) for number in range(21)]
halves = Trainer(
    line, torch.utils.data.DataLoader(data[:16], 4), data, loss="mse_loss", max_steps=4, eval_every=2, log_every=1,
    batch_size=4, metrics={"seen": lambda outputs, targets: float(len(outputs))}, output=folder / "halves",
)
train(halves)
try:
    Trainer(line, data, loss="mse_loss", max_steps=1).run()
except ConfigError as error:
    assert "give `output`" in str(error)
else:
    raise AssertionError
PartialState().destroy_process_group()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left that torchrun started."""
    folder = tmp_path_factory.mktemp("distributed")
    (folder / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    result = subprocess.run(
        [*command, "--rdzv-endpoint=localhost:0", folder / "script.py", folder],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    return folder


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_two_processes_go_on_as_if_nothing_had_happened(folder: Path) -> None:
    whole = (folder / "whole/history.jsonl").read_text()
    assert len(whole.splitlines()) == 14 + 5
    assert (folder / "parts/history.jsonl").read_text() == whole


def test_two_processes_share_the_work_of_one(folder: Path, tmp_path: Path) -> None:
    data = [example(number) for number in range(21)]
    loader = DataLoader(data[:16], 8)  # type: ignore[arg-type]
    one = Trainer(line, loader, data, loss="mse_loss", max_steps=4, eval_every=2, log_every=1, output=tmp_path)
    train(one)
    for shared, alone in zip(lines(folder / "halves"), lines(tmp_path), strict=True):
        assert shared.pop("eval_seen", 21.0) == 21.0  # 24 with those that fill up the last batches
        # Its last batch is filled up, and a batch has only one loss.
        assert shared.pop("eval_loss", 0) == pytest.approx(alone.pop("eval_loss", 0), rel=0.02)
        assert shared == pytest.approx(alone, rel=1e-5)
