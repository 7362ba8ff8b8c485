from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from learning import train, trainer

from orepass.errors import ConfigError

EXAMPLES = Path(__file__).parents[2] / "examples"

# Trains in children of one process that has imported everything, and kills them at moments that it draws, so also while
# they write checkpoints. They are given more and more time, or a slow machine would get nowhere.
KILLED_AGAIN_AND_AGAIN = """
import os, random, signal, sys, time
from pathlib import Path

import huggingface_hub.serialization, orepass.learn.evaluation, orepass.learn.loop, torch, torch.profiler
from learning import train, trainer

torch.set_num_threads(1)
draw = random.Random(1)
trainer(Path(sys.argv[1], "unused")).session  # torch imports some of itself only now


def child(place, kind):
    begun, begins = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            made = trainer(place, kind, max_steps=40, eval_every=7, checkpoint_every=3, keep_checkpoints=2)
            made.session
            os.write(begins, b".")
            train(made)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    os.read(begun, 1)
    return pid


def end_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


for kind in ("dataset", "stream"):
    folder = Path(sys.argv[1], kind)
    whole = child(folder / "whole", kind)
    started = time.monotonic()
    assert end_of(whole) == 0
    needed = time.monotonic() - started
    kills = 0
    while True:
        pid = child(folder / "killed", kind)
        time.sleep(draw.uniform(0, needed / 3) * (1 + kills / 20))
        os.kill(pid, signal.SIGKILL)
        code = end_of(pid)
        if code != -signal.SIGKILL:
            break
        kills += 1
    print(code, kills)
"""


def test_a_training_that_is_killed_again_and_again_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", KILLED_AGAIN_AND_AGAIN, tmp_path],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    for kind, line in zip(("dataset", "stream"), result.stdout.splitlines(), strict=True):
        code, kills = map(int, line.split())
        assert code == 0, result.stderr
        assert kills >= 2
        whole, killed = (tmp_path / kind / name for name in ("whole", "killed"))
        assert (killed / "history.jsonl").read_text() == (whole / "history.jsonl").read_text()
        assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
        assert not list((killed / "checkpoints").glob(".*"))


@pytest.mark.parametrize(("kind", "eval_every"), [("dataset", None), ("dataset", 3), ("loader", None), ("stream", 3)])
def test_from_every_checkpoint_the_rest_is_the_same(kind: str, eval_every: int | None, tmp_path: Path) -> None:
    whole = train(trainer(tmp_path / "whole", kind, eval_every=eval_every))
    assert [line["step"] for line in map(json.loads, whole.splitlines()) if "loss" in line] == list(range(1, 15))
    for step in range(1, 15, 1 if kind == "dataset" and eval_every is None else 3):
        name = f"checkpoints/checkpoint-{step}"
        shutil.copytree(tmp_path / "whole" / name, tmp_path / str(step) / name)
        assert train(trainer(tmp_path / str(step), kind, eval_every=eval_every)) == whole


def test_processes_that_read_go_on_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    whole = train(trainer(tmp_path / "whole", "workers", max_steps=3))
    shutil.copytree(tmp_path / "whole/checkpoints/checkpoint-2", tmp_path / "again/checkpoints/checkpoint-2")
    assert train(trainer(tmp_path / "again", "workers", max_steps=3)) == whole


def test_trainings_side_by_side_do_not_disturb_each_other_nor_anybody_else(tmp_path: Path) -> None:
    alone = train(trainer(tmp_path / "alone"))
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    first, second = trainer(tmp_path / "first"), trainer(tmp_path / "second", seed=1)
    assert first.run()
    seen = [torch.rand(())]
    assert second.run()
    seen.append(torch.rand(()))
    assert torch.equal(torch.stack(seen), expected)
    assert train(first) == alone
    assert train(second) != alone


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    whole = train(trainer(tmp_path / "whole"))
    again = trainer(tmp_path / "again", checkpoints=tmp_path / "whole/checkpoints")
    assert again.run() is False
    assert again.session.state.step == 14
    assert (tmp_path / "again/history.jsonl").read_text() == whole
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "again")]
    assert weights[0] == weights[1]


def test_more_steps_go_on_from_the_last_one(tmp_path: Path) -> None:
    whole = train(trainer(tmp_path / "whole", scheduler="constant", eval_every=2))
    train(trainer(tmp_path / "short", scheduler="constant", eval_every=2, max_steps=6))
    assert train(trainer(tmp_path / "short", scheduler="constant", eval_every=2)) == whole


def test_the_newest_and_the_best_checkpoints_stay(tmp_path: Path) -> None:
    worse_and_worse = iter(range(100))

    def metric(outputs: object, targets: object) -> float:
        return next(worse_and_worse)

    made = trainer(
        tmp_path, keep_checkpoints=2, eval_every=3, metrics={"error": metric}, metric_for_best_model="error",
        greater_is_better=False,
    )  # fmt: skip
    train(made)
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {
        f"checkpoint-{step}" for step in (3, 13, 14)
    }
    best = (tmp_path / "checkpoints/checkpoint-3/model.safetensors").read_bytes()
    assert (tmp_path / "model.safetensors").read_bytes()[-200:] == best[-200:]


@pytest.mark.parametrize("options", [{"batch_size": 4}, {"seed": 1}, {"gradient_accumulation": 1}])
def test_checkpoints_of_other_settings_are_refused(options: dict[str, int], tmp_path: Path) -> None:
    trainer(tmp_path, max_steps=4).run()
    with pytest.raises(ConfigError, match=f"{next(iter(options))}=.*, now {next(iter(options.values()))}"):
        trainer(tmp_path, **options).run()


def test_checkpoints_of_another_model_are_refused(tmp_path: Path) -> None:
    trainer(tmp_path, max_steps=4).run()
    other = trainer(tmp_path)
    other.model = torch.nn.Linear(3, 1)
    with pytest.raises(ConfigError, match="not one of this model"):
        other.run()


def test_a_half_written_checkpoint_is_not_taken(tmp_path: Path) -> None:
    whole = train(trainer(tmp_path / "whole"))
    made = trainer(tmp_path / "again", max_steps=14)
    made.run()
    half = tmp_path / "again/checkpoints/.checkpoint-99.unfinished"
    half.mkdir()
    assert train(trainer(tmp_path / "again")) == whole
    assert not half.exists()


def test_nothing_else_than_weights_and_counters_is_needed_to_go_on(tmp_path: Path) -> None:
    whole = train(trainer(tmp_path / "whole"))
    trainer(tmp_path / "first").run()
    os.rename(tmp_path / "first/checkpoints", tmp_path / "moved")
    assert train(trainer(tmp_path / "second", checkpoints=tmp_path / "moved")) == whole
