"""Metrics of a model on all of the evaluation data, on all processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import concatenate, find_batch_size, send_to_device

from orepass.errors import ConfigError
from orepass.learn.data import rewind
from orepass.learn.randomness import drawing_from

if TYPE_CHECKING:
    from orepass.learn.session import Session
    from orepass.learn.trainer import Trainer


def evaluate(trainer: Trainer, session: Session) -> dict[str, float]:
    """The loss, a mean over examples, and all metrics; in each process the same.

    Raises:
        ConfigError: there are metrics, but the model returns no outputs or the batches have no targets.
    """
    assert session.eval_loader is not None
    metrics = _Metrics(trainer.metrics)
    losses = []
    session.model.eval()
    session.eval_loader.set_epoch(0)
    rewind(session.eval_loader.base_dataloader, trainer.seed, 0)
    with torch.no_grad(), drawing_from(trainer.seed):
        for batch in session.eval_loader:
            step = trainer.evaluation_step(batch)
            size = find_batch_size(batch) or 1
            gather = session.accelerator.gather_for_metrics
            # A loss for each example, so that those which fill up the last batch of a process are left out.
            losses.append(gather(step.loss.float().expand(size).contiguous()).cpu())
            if trainer.metrics:
                if step.outputs is None or step.targets is None:
                    raise ConfigError(
                        "Metrics need outputs and targets, but the model returns only a loss or its batches have no "
                        'targets. Return `logits` beside `loss` and have "labels" in the batches, or override '
                        "evaluation_step."
                    )
                metrics.add(*(send_to_device(gather(part), "cpu") for part in (step.outputs, step.targets)))
    if not losses:
        raise ConfigError("eval_data has no batches. Give at least one example.")
    return {"loss": torch.cat(losses).double().mean().item(), **metrics.values()}


class _Metrics:
    """Functions of all outputs and targets, and objects that take them batch by batch: update, compute, reset."""

    def __init__(self, metrics: Mapping[str, Any]) -> None:
        self._objects = {name: metric for name, metric in metrics.items() if hasattr(metric, "update")}
        self._functions = {name: metric for name, metric in metrics.items() if name not in self._objects}
        self._batches: list[tuple[Any, Any]] = []
        for metric in self._objects.values():
            metric.reset()

    def add(self, outputs: Any, targets: Any) -> None:
        for metric in self._objects.values():
            metric.update(outputs, targets)
        if self._functions:
            self._batches.append((outputs, targets))

    def values(self) -> dict[str, float]:
        found = {name: float(metric.compute()) for name, metric in self._objects.items()}
        if self._functions:
            outputs, targets = (concatenate(list(part)) for part in zip(*self._batches, strict=True))
            found |= {name: float(metric(outputs, targets)) for name, metric in self._functions.items()}
        return found
