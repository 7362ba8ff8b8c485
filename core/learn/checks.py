"""What is wrong with the arguments of a trainer, as far as it can be told without torch."""

from __future__ import annotations

import importlib.util
import math
from numbers import Integral, Real
from typing import TYPE_CHECKING

from orepass.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from orepass.learn.trainer import Trainer

_PRECISIONS = ("no", "bf16", "fp16")
_COUNTS = (
    "batch_size",
    "max_steps",
    "epochs",
    "eval_every",
    "gradient_accumulation",
    "patience",
    "log_every",
    "checkpoint_every",
    "keep_checkpoints",
)
_FROM_ZERO = ("num_workers", "warmup_steps", "seed")


def require_torch() -> None:
    """See that what training needs is installed, without importing it.

    Raises:
        ConfigError: it is not.
    """
    missing = [name for name in ("torch", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f'Training needs {" and ".join(missing)}: pip install "orepass[train]"')


def check(trainer: Trainer, any_metric: bool) -> None:
    """Refuse arguments that cannot work.

    Args:
        trainer: has them.
        any_metric: its class computes the metrics itself, so nobody knows their names yet.

    Raises:
        ConfigError: all that is wrong with them.
    """
    wrong = _numbers(trainer)
    if not callable(trainer.model):
        wrong.append(f"model={trainer.model!r} must be a torch module, or a function that makes one")
    if (trainer.max_steps is None) == (trainer.epochs is None):
        wrong.append("give either max_steps or epochs")
    if trainer.precision not in _PRECISIONS:
        wrong.append(f"precision={trainer.precision!r} is not known. {did_you_mean(trainer.precision, _PRECISIONS)}")
    if "loss" in trainer.metrics:
        wrong.append("metrics has one called 'loss', which is the name of the loss itself: rename it")
    if trainer.metrics and trainer.eval_data is None:
        wrong.append("metrics are computed on eval_data: give some")
    known = {"loss", *trainer.metrics}
    if trainer.metric_for_best_model not in known and not any_metric:
        name = trainer.metric_for_best_model
        wrong.append(f"metric_for_best_model={name!r} is none of the metrics. {did_you_mean(name, known)}")
    if wrong:
        raise ConfigError("\n  ".join([f"{type(trainer).__name__} cannot be used:", *wrong]))


def _numbers(trainer: Trainer) -> list[str]:
    wrong = []
    for names, kind, lowest in ((_COUNTS, Integral, 1), (_FROM_ZERO, Integral, 0), (("min_delta",), Real, 0)):
        for name in names:
            value = getattr(trainer, name)
            if value is not None and not (isinstance(value, kind) and float(value) >= lowest):
                what = "a whole number" if kind is Integral else "a number"
                wrong.append(f"{name}={value!r} must be {what}, at least {lowest}")
    for name in ("learning_rate", "max_grad_norm"):
        value = getattr(trainer, name)
        if value is not None and not (isinstance(value, Real) and 0 < float(value) < math.inf):
            wrong.append(f"{name}={value!r} must be a number above 0")
    return wrong
