from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from learning import example, line, train
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau, StepLR
from torch.utils.data import DataLoader

from orepass.errors import ConfigError, TrainingError
from orepass.learn import Trainer
from orepass.learn.prediction import Prediction
from orepass.progress_reports import Progress, listening

PLANE = [example(number) for number in range(22)]


def trainer(folder: Path, **options: Any) -> Trainer:
    usual = {"model": line, "train_data": PLANE, "loss": "mse_loss", "learning_rate": 0.1, "batch_size": 8}
    return Trainer(**{**usual, "output": folder, "max_steps": 6, "log_every": 1, **options})


def history(trainer: Trainer, name: str = "loss") -> list[float]:
    return [found[name] for found in map(json.loads, train(trainer).splitlines()) if name in found]


def error(outputs: Tensor, targets: Tensor) -> float:
    return float((outputs - targets).abs().max())


def test_a_plane_is_learnt(tmp_path: Path) -> None:
    made = trainer(
        tmp_path, max_steps=300, eval_every=100, eval_data=PLANE, scheduler="linear", metrics={"error": error},
        metric_for_best_model="error", greater_is_better=False,
    )  # fmt: skip
    assert made.run() is True
    assert made.run() is True
    assert made.run() is False
    assert -0.02 < made.metric() < 0
    assert isinstance(made.model, nn.Linear)
    assert torch.allclose(made.model.weight.detach(), torch.tensor([[1.0, 2.0, -1.0]]), atol=0.05)
    assert torch.equal(load_file(tmp_path / "model.safetensors")["weight"], made.model.weight.detach())


def test_without_evaluation_data_the_training_loss_is_the_metric(tmp_path: Path) -> None:
    made = trainer(tmp_path, epochs=2, max_steps=None)
    losses = history(made, "train_loss")
    assert len(losses) == 2
    assert made.metric() == -min(losses)


def test_without_evaluation_data_the_last_weights_stay(tmp_path: Path) -> None:
    made = trainer(tmp_path, optimizer="sgd", learning_rate=3.0, eval_every=2)
    losses = history(made, "train_loss")
    assert losses[-1] > losses[0]
    last = load_file(tmp_path / "checkpoints/checkpoint-6/model.safetensors")
    assert torch.equal(load_file(tmp_path / "model.safetensors")["weight"], last["weight"])


def test_accumulated_batches_are_one_larger_batch(tmp_path: Path) -> None:
    data = DataLoader(PLANE[:16], 8)  # type: ignore[arg-type]
    whole = history(trainer(tmp_path / "whole", train_data=DataLoader(PLANE[:16], 16)))  # type: ignore[arg-type]
    parts = history(trainer(tmp_path / "parts", train_data=data, gradient_accumulation=2))
    assert parts == pytest.approx(whole, rel=1e-5)


def test_gradients_are_clipped(tmp_path: Path) -> None:
    made = trainer(tmp_path, max_grad_norm=1e-3, optimizer="sgd", learning_rate=1.0, max_steps=1)
    before = made.session.model.weight.detach().clone()
    made.run()
    assert (made.session.model.weight - before).norm() <= 1.001e-3


def rates(folder: Path, **options: Any) -> list[float]:
    return history(trainer(folder, learning_rate=1.0, **options), "learning_rate")


def test_schedulers(tmp_path: Path) -> None:
    assert rates(tmp_path / "0") == [1.0] * 6
    assert rates(tmp_path / "1", scheduler="linear", warmup_steps=2) == pytest.approx(
        [1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25]
    )
    cosine = rates(tmp_path / "2", scheduler="cosine")
    assert cosine[3] == pytest.approx(0.5)
    assert cosine == sorted(cosine, reverse=True)

    def halve(optimizer: Any) -> LRScheduler:
        return StepLR(optimizer, step_size=2, gamma=0.5)

    assert rates(tmp_path / "3", scheduler=halve) == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_epochs_tell_schedulers_how_long_it_takes(tmp_path: Path) -> None:
    assert rates(tmp_path, scheduler="linear", max_steps=None, epochs=2)[-1] == pytest.approx(1 / 6)


def test_optimizers_come_from_functions_too(tmp_path: Path) -> None:
    assert history(trainer(tmp_path, optimizer=partial(torch.optim.SGD, lr=0.5, momentum=0.9)))
    assert rates(tmp_path / "0", optimizer="SGD", optimizer_options={"momentum": 0.9})


def test_early_stopping(tmp_path: Path) -> None:
    values = iter([5.0, 4.0, 4.5, 3.95, 9.0, 0.0])
    made = trainer(
        tmp_path, eval_data=PLANE, eval_every=2, max_steps=100, patience=2, min_delta=0.1,
        metrics={"error": lambda *_: next(values)}, metric_for_best_model="error", greater_is_better=False,
    )  # fmt: skip
    assert history(made, "eval_error") == [5.0, 4.0, 4.5, 3.95]
    assert made.metric() == -3.95


class Counted:
    """A metric like those of torchmetrics."""

    def reset(self) -> None:
        self.count = 0

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        assert len(outputs) == len(targets) <= 8
        self.count += len(outputs)

    def compute(self) -> Tensor:
        return torch.tensor(self.count)


def test_metrics_may_be_objects(tmp_path: Path) -> None:
    made = trainer(tmp_path, eval_data=PLANE, metrics={"seen": Counted(), "error": error}, eval_every=3)
    assert history(made, "eval_seen") == [22.0, 22.0]


class WithLoss(nn.Module):
    """A model as those of transformers: takes parts of a batch by name, returns its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 1)

    def forward(self, point: Tensor, labels: Tensor) -> SimpleNamespace:
        logits = self.inner(point)
        return SimpleNamespace(loss=nn.functional.mse_loss(logits, labels), logits=logits)


def test_models_may_return_their_loss(tmp_path: Path) -> None:
    data = [{"point": point, "labels": height} for point, height in PLANE]
    made = trainer(tmp_path, model=WithLoss, train_data=data, eval_data=data, loss=None, metrics={"error": error})
    assert history(made, "eval_error")


def test_a_loss_that_is_no_number_ends_training_and_names_the_update(tmp_path: Path) -> None:
    data = [*PLANE[:20], (torch.full((3,), torch.inf), torch.ones(1)), PLANE[0]]
    made = trainer(tmp_path, train_data=DataLoader(data, 8), gradient_accumulation=2)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match=r"update 2 \(epoch 0, batches 3 to 3\) is (inf|nan).*learning_rate"):
        made.run()
    assert torch.isfinite(made.session.model.weight).all()


def test_bf16_on_the_processor(tmp_path: Path) -> None:
    exact = history(trainer(tmp_path / "exact"))
    mixed = history(trainer(tmp_path / "mixed", precision="bf16"))
    assert mixed != exact
    assert mixed == pytest.approx(exact, rel=0.05)
    assert history(trainer(tmp_path / "again")) == exact


def test_trainers_of_several_precisions_do_not_take_turns(tmp_path: Path) -> None:
    first = trainer(tmp_path / "first", eval_every=1)
    first.run()
    trainer(tmp_path / "second", precision="bf16").run()
    with pytest.raises(ConfigError, match="another precision"):
        first.run()


class MyTrainer(Trainer):
    """Overrides all that is meant for it."""

    rounds = 0

    def run(self) -> bool:
        more = super().run()
        self.rounds += 1
        return more

    def training_step(self, batch: Any) -> Tensor:
        points, heights = batch
        return (self.session.model(points) - heights).abs().mean()

    def evaluate(self) -> dict[str, float]:
        return {**super().evaluate(), "rounds": float(self.rounds)}


def test_subclasses(tmp_path: Path) -> None:
    made = MyTrainer(
        line, PLANE, PLANE, loss="mse_loss", max_steps=4, eval_every=2, metric_for_best_model="rounds", output=tmp_path
    )
    train(made)
    assert made.rounds == 2
    assert made.metric() == 1.0


class OwnSteps(Trainer):
    """Has batches that nothing else understands."""

    def training_step(self, batch: Any) -> Tensor:
        return self.evaluation_step(batch).loss

    def evaluation_step(self, batch: Any) -> Prediction:
        outputs = self.session.model(batch["x"])
        return Prediction(outputs, batch["y"], (outputs - batch["y"]).square().mean())


def test_batches_of_any_form(tmp_path: Path) -> None:
    data = [{"x": point, "y": height} for point, height in PLANE]
    made = OwnSteps(line, data, data, metrics={"error": error}, epochs=1, output=tmp_path)
    assert history(made, "eval_error")


def test_progress_is_reported(tmp_path: Path) -> None:
    told: list[Progress] = []
    with listening(told.append):
        train(trainer(tmp_path, eval_every=4))
    assert [(found.done, found.total, found.unit) for found in told if found.done == found.total] == [
        (4, 4, "updates"),
        (2, 2, "updates"),
    ]


class Anew:
    """Can be read as often as one likes."""

    def __iter__(self) -> Iterator[Any]:
        return iter(PLANE)


def test_iterables_without_a_length(tmp_path: Path) -> None:
    made = trainer(tmp_path, train_data=Anew(), max_steps=None, epochs=2)
    assert len(history(made)) == 6
    with pytest.raises(ConfigError, match="Give max_steps"):
        trainer(tmp_path / "0", train_data=Anew(), max_steps=None, epochs=2, scheduler="linear").run()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train_data": []}, "train_data is empty"),
        ({"eval_data": []}, "eval_data is empty"),
        ({"train_data": iter(PLANE)}, "an iterator, which can be read only once"),
        ({"train_data": "plane.tsv"}, "train_data is a str"),
        ({"train_data": DataLoader(PLANE[:3], 8, drop_last=True)}, "has no batches"),  # type: ignore[arg-type]
        ({"train_data": (found for found in PLANE)}, "only once"),
        ({"precision": "fp16"}, "needs a GPU"),
        ({"loss": "mse_los"}, "Did you mean 'mse_loss'"),
        ({"optimizer": "adamv"}, "Did you mean 'adam"),
        ({"optimizer_options": {"momentun": 1}}, "momentun"),
        ({"scheduler": "cosin"}, "Did you mean 'cosine'"),
        ({"scheduler": ReduceLROnPlateau}, "wants a metric"),
        ({"loss": None}, "shape"),
        ({"model": nn.ReLU}, "no parameters"),
        ({"model": dict}, "model made a dict"),
        ({"loss": nn.MSELoss(reduction="none")}, "not a tensor with one number"),
    ],
)
def test_what_cannot_work_is_refused_before_training_begins(
    options: Mapping[str, Any], said: str, tmp_path: Path
) -> None:
    data = {} if options.get("loss", "") is not None else {"train_data": [point for point, _ in PLANE], "model": wide}
    with pytest.raises(ConfigError, match=said):
        trainer(tmp_path, **data, **options).run()


def wide() -> nn.Module:
    return nn.Linear(3, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric_for_best_model": "eror", "metrics": {"error": error}, "eval_data": PLANE}, "Did you mean 'error'"),
        ({"metrics": {"error": error}}, "computed on eval_data"),
        ({"metrics": {"loss": error}, "eval_data": PLANE}, "rename it"),
        ({"model": "bert"}, "model='bert' must be a torch module"),
        ({"epochs": 1}, "either max_steps or epochs"),
        ({"max_steps": None}, "either max_steps or epochs"),
        ({"precision": "bf61"}, "Did you mean 'bf16'"),
        ({"batch_size": 0, "seed": -1}, "batch_size=0 must be .*\n.*seed=-1 must be"),
        ({"learning_rate": "1e-3"}, "learning_rate='1e-3' must be a number"),
    ],
)
def test_arguments_that_cannot_be_used(options: Mapping[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        trainer(tmp_path, **options)


def test_metrics_that_evaluate_does_not_return(tmp_path: Path) -> None:
    made = MyTrainer(line, PLANE, PLANE, loss="mse_loss", max_steps=1, metric_for_best_model="round", output=tmp_path)
    with pytest.raises(ConfigError, match="Did you mean 'rounds'"):
        made.run()


def test_there_is_no_metric_before_an_evaluation(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="call run"):
        trainer(tmp_path).metric()


def test_neither_torch_nor_accelerate_is_imported_before_training() -> None:
    script = """
import sys
from orepass.learn import Trainer
Trainer(dict, [], max_steps=1)
print({"torch", "accelerate"} & {*sys.modules})
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
