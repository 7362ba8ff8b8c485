"""What a model says about a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from orepass.errors import ConfigError

_TARGETS = "labels"


@dataclass(frozen=True)
class Prediction:
    """What a model says about a batch.

    Attributes:
        outputs: of the model, the batch first; None where it returns nothing but a loss.
        targets: what they should have been; None where the batch has none apart.
        loss: a tensor with one number.
    """

    outputs: Any
    targets: Any
    loss: torch.Tensor


def predict(model: Callable[..., Any], loss: Callable[..., Any] | None, batch: Any) -> Prediction:
    """Run a model on a batch.

    With a loss function the last part of a batch, or its "labels", are the targets, and the model gets the rest.
    Without one it gets all of the batch and returns its loss, alone or as `loss` beside `logits`.

    Args:
        model: takes the parts of a batch: those of a mapping by name.
        loss: takes outputs and targets.
        batch: a mapping, a list or tuple, or a single tensor.

    Raises:
        ConfigError: batch, model and loss do not fit together.
    """
    if loss is None:
        return _of_own_loss(_call(model, batch), batch)
    if isinstance(batch, Mapping) and _TARGETS in batch:
        targets = batch[_TARGETS]
        outputs = _call(model, {name: part for name, part in batch.items() if name != _TARGETS})
    elif isinstance(batch, (list, tuple)) and len(batch) > 1:
        *inputs, targets = batch
        outputs = _call(model, inputs)
    else:
        raise ConfigError(
            f"A batch is a {type(batch).__name__} in which no targets can be found. Batches must be (inputs, ..., "
            f"targets) or have {_TARGETS!r}; else leave out `loss` and let the model return it, or override "
            "training_step and evaluation_step."
        )
    return Prediction(outputs, targets, _one_number(loss(outputs, targets)))


def _call(model: Callable[..., Any], batch: Any) -> Any:
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(*batch) if isinstance(batch, (list, tuple)) else model(batch)


def _of_own_loss(returned: Any, batch: Any) -> Prediction:
    targets = batch.get(_TARGETS) if isinstance(batch, Mapping) else None
    if isinstance(returned, torch.Tensor):
        return Prediction(None, targets, _one_number(returned))
    if isinstance(returned, Mapping):
        return Prediction(returned.get("logits"), targets, _one_number(returned.get("loss")))
    return Prediction(getattr(returned, "logits", None), targets, _one_number(getattr(returned, "loss", None)))


def _one_number(loss: Any) -> torch.Tensor:
    if isinstance(loss, torch.Tensor) and loss.numel() == 1:
        return loss.reshape(())
    what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else f"a {type(loss).__name__}"
    raise ConfigError(
        f'The loss is {what}, not a tensor with one number. Give a `loss` that returns one, such as "cross_entropy", '
        "or a model that returns its loss, alone or as `loss`."
    )
