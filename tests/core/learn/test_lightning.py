from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from orepass.errors import ConfigError
from orepass.learn import LightningTrainer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    lightning = pytest.importorskip("lightning", reason="lightning is no dependency of orepass")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore")


def module() -> Any:
    from learning import example

    class Plane(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(3, 1)

        def training_step(self, batch: Any, number: int) -> Any:
            return torch.nn.functional.mse_loss(self.inner(batch[0]), batch[1])

        def validation_step(self, batch: Any, number: int) -> None:
            self.log("val_loss", torch.nn.functional.mse_loss(self.inner(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

        def train_dataloader(self) -> Any:
            return torch.utils.data.DataLoader([example(number) for number in range(22)], 8)

        val_dataloader = train_dataloader

    return Plane()


def trainer(folder: Path, **options: Any) -> Any:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
    return lightning.Trainer(max_epochs=3, default_root_dir=folder, **{**quiet, **options})


def test_a_lightning_trainer_is_a_runnable(tmp_path: Path) -> None:
    best = lightning.pytorch.callbacks.ModelCheckpoint(tmp_path, monitor="val_loss")
    made = LightningTrainer(trainer(tmp_path, callbacks=[best]), module())
    assert not made.run()  # type: ignore[func-returns-value]
    assert made.metric() == -float(best.best_model_score) < 0


def test_without_a_checkpoint_of_the_best_the_last_metric_counts(tmp_path: Path) -> None:
    made = LightningTrainer(trainer(tmp_path, enable_checkpointing=False), module())
    made.run()
    assert made.metric() == -float(made.trainer.callback_metrics["val_loss"])
    made.metric_for_best_model = "val_los"
    with pytest.raises(ConfigError, match="Did you mean 'val_loss'"):
        made.metric()
