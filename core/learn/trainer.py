"""The trainer: trains and evaluates one model on one task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orepass.errors import ConfigError
from orepass.learn.checks import check, require_torch
from orepass.learn.state import is_greater_better

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from orepass.learn.prediction import Prediction
    from orepass.learn.session import Session


@dataclass(eq=False)
class Trainer:
    """Train and evaluate one model on one task; see docs/training.md.

    The engine is accelerate, which takes from the environment (`torchrun`, `accelerate launch`) how many processes and
    which devices there are. A `step` is one update of the weights.

    Attributes:
        model: a torch module, or a function without arguments that makes one, with the random numbers of `seed`.
        train_data: a dataset or list of examples, an iterable of examples that can be read anew, or a DataLoader.
        eval_data: likewise; without, the mean training loss stands for the metric.
        loss: a function of outputs and targets, or the name of one in `torch.nn.functional`; None if the model
            returns its loss.
        optimizer: the name of one in `torch.optim`, or a function of the parameters that makes one.
        learning_rate: of an optimizer given by name.
        optimizer_options: further arguments of an optimizer given by name.
        scheduler: "constant", "linear", "cosine", or a function of the optimizer that makes one; stepped every update.
        warmup_steps: updates in which the learning rate of a scheduler given by name rises.
        batch_size: examples a batch in each process; a DataLoader has its own.
        num_workers: processes that read the data, 0 for none; a DataLoader has its own.
        max_steps: updates in all; give this or `epochs`.
        epochs: how often all of `train_data` is seen.
        eval_every: updates between evaluations; by default an epoch.
        gradient_accumulation: batches an update.
        max_grad_norm: gradients are scaled down to this 2-norm; None for never.
        precision: "no" for float32, else "bf16" or "fp16" (automatic mixed precision).
        metrics: by name, functions of all outputs and targets, or objects with `update(outputs, targets)`, `compute()`
            and `reset()`.
        metric_for_best_model: "loss" or the name of one of `metrics`.
        greater_is_better: whether more of it is better; by default unless its name ends with "loss".
        patience: evaluations without an improvement after which training ends early; None for never.
        min_delta: what counts as an improvement is more than this.
        log_every: updates between lines of the history.
        checkpoint_every: updates between checkpoints; by default one after each evaluation.
        keep_checkpoints: how many of the newest stay, besides that of the best evaluation.
        seed: decides the order of the data and what is dropped out.
        output: where `history.jsonl` and, in the end, the best `model.safetensors` go; by default `orepass.workdir()`.
        checkpoints: a folder for the checkpoints of this training alone, from which it goes on if it finds some; by
            default that of the step that is running (`orepass.checkpoint_folder`), else `checkpoints` in `output`.
    """

    model: torch.nn.Module | Callable[[], torch.nn.Module]
    train_data: Any = field(repr=False)
    eval_data: Any = field(default=None, repr=False)
    loss: Callable[..., Any] | str | None = None
    optimizer: str | Callable[[Any], Optimizer] = "adamw"
    learning_rate: float = 1e-3
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    scheduler: str | Callable[[Any], LRScheduler] = "constant"
    warmup_steps: int = 0
    batch_size: int = 32
    num_workers: int = 0
    max_steps: int | None = None
    epochs: int | None = None
    eval_every: int | None = None
    gradient_accumulation: int = 1
    max_grad_norm: float | None = None
    precision: str = "no"
    metrics: Mapping[str, Any] = field(default_factory=dict)
    metric_for_best_model: str = "loss"
    greater_is_better: bool | None = None
    patience: int | None = None
    min_delta: float = 0.0
    log_every: int = 10
    checkpoint_every: int | None = None
    keep_checkpoints: int = 2
    seed: int = 0
    output: Path | None = None
    checkpoints: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: an argument, or several together, cannot be used.
        """
        own = type(self).evaluate is not Trainer.evaluate
        check(self, any_metric=own)

    @cached_property
    def session(self) -> Session:
        """What is made when training begins: the `accelerator`, the prepared `model`, the `optimizer`, the `state`.

        Raises:
            ConfigError: torch or accelerate is not installed, the device has not the `precision`, there are no data,
                or the checkpoints are of another training.
        """
        require_torch()
        from orepass.learn.session import begin

        return begin(self)

    def run(self) -> bool:
        """Train up to the next evaluation, and evaluate.

        Returns:
            Whether there is more to do. At the end the model has the weights of the best evaluation, or without
            evaluation data the last ones.

        Raises:
            ConfigError: see `session`.
            TrainingError: the loss is not a finite number.
        """
        from orepass.learn.loop import run_interval

        return run_interval(self, self.session)

    def training_step(self, batch: Any) -> torch.Tensor:
        """The loss of one batch, on the device, with a gradient."""
        return self.predict(batch).loss

    def evaluation_step(self, batch: Any) -> Prediction:
        """Outputs, targets and loss of one batch, for the metrics."""
        return self.predict(batch)

    def evaluate(self) -> dict[str, float]:
        """The metrics on the evaluation data, "loss" among them; in each process the same."""
        from orepass.learn.evaluation import evaluate

        return evaluate(self, self.session)

    def predict(self, batch: Any) -> Prediction:
        """Run the model on a batch that is on the device."""
        from orepass.learn.prediction import predict

        return predict(self.session.model, self.session.loss, batch)

    def metric(self) -> float:
        """The best value of the metric so far; more is better, so a loss is negated.

        Raises:
            ConfigError: nothing has been evaluated yet.
        """
        best = self.session.state.best
        if best is None:
            raise ConfigError("There is no metric before the first evaluation: call run() first.")
        return best

    def sign_of_metric(self) -> float:
        """1.0 if more of the metric is better, else -1.0."""
        return 1.0 if is_greater_better(self.metric_for_best_model, self.greater_is_better) else -1.0
