"""Trainers of PyTorch Lightning as runnables."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

from orepass.errors import ConfigError, did_you_mean
from orepass.learn.state import is_greater_better


@dataclass(eq=False)
class LightningTrainer:
    """Run `trainer.fit` of a `lightning.Trainer`, with all that it was given: callbacks, loggers, strategies.

    Attributes:
        trainer: the `lightning.Trainer`.
        module: a `LightningModule`.
        datamodule: a `LightningDataModule`, or None where the module makes its own data loaders.
        ckpt_path: what `fit` resumes from: a file, "last" or None.
        metric_for_best_model: a name under which the module logs.
        greater_is_better: whether more of it is better; by default unless the name ends with "loss".
    """

    trainer: Any
    module: Any
    datamodule: Any = None
    ckpt_path: str | None = None
    metric_for_best_model: str = "val_loss"
    greater_is_better: bool | None = None

    def __post_init__(self) -> None:
        """See that Lightning is there.

        Raises:
            ConfigError: it is not installed, under neither of its names.
        """
        if not any(importlib.util.find_spec(name) for name in ("lightning", "pytorch_lightning")):
            raise ConfigError("A LightningTrainer needs PyTorch Lightning: pip install lightning")

    def run(self) -> None:
        """Train to the end."""
        self.trainer.fit(self.module, datamodule=self.datamodule, ckpt_path=self.ckpt_path)

    def metric(self) -> float:
        """The metric; more is better, so one of which less is better is negated.

        It is the best one if the trainer's checkpoint callback monitors it, else the last one.

        Raises:
            ConfigError: nothing was logged under this name.
        """
        callback = self.trainer.checkpoint_callback
        value = None
        if callback is not None and callback.monitor == self.metric_for_best_model:
            value = callback.best_model_score
        if value is None:
            logged = self.trainer.callback_metrics
            if self.metric_for_best_model not in logged:
                raise ConfigError(
                    f"metric_for_best_model={self.metric_for_best_model!r} is not among what the module logged. "
                    + did_you_mean(self.metric_for_best_model, logged)
                )
            value = logged[self.metric_for_best_model]
        sign = 1.0 if is_greater_better(self.metric_for_best_model, self.greater_is_better) else -1.0
        return sign * float(value)
