"""Losses, optimizers and schedulers by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from orepass.errors import ConfigError, did_you_mean

_SCHEDULES = ("constant", "cosine", "linear")


def loss_of(given: Callable[..., Any] | str | None) -> Callable[..., Any] | None:
    """The loss function: as given, or one of `torch.nn.functional` by name; None where the model returns its loss.

    Raises:
        ConfigError: there is none of this name.
    """
    if not isinstance(given, str):
        return given
    functions = torch.nn.functional
    known = [name for name in dir(functions) if name.endswith(("_loss", "cross_entropy", "cross_entropy_with_logits"))]
    if given not in known:
        raise ConfigError(f"loss={given!r} is no loss of torch.nn.functional. {did_you_mean(given, known)}")
    found: Callable[..., Any] = getattr(functions, given)
    return found


def optimizer_of(
    given: Callable[[Iterable[Any]], Optimizer] | str,
    parameters: Iterable[Any],
    learning_rate: float,
    options: Mapping[str, Any],
) -> Optimizer:
    """The optimizer: what the given function makes, or one of `torch.optim` by its name in any case.

    Raises:
        ConfigError: there is none of this name, or it does not take the options.
    """
    if not isinstance(given, str):
        return given(parameters)
    # L-BFGS computes the loss several times an update.
    known = {
        name.lower(): found
        for name, found in vars(torch.optim).items()
        if isinstance(found, type) and issubclass(found, Optimizer) and name not in ("Optimizer", "LBFGS")
    }
    if given.lower() not in known:
        raise ConfigError(f"optimizer={given!r} is none of torch.optim. {did_you_mean(given.lower(), known)}")
    make: Callable[..., Optimizer] = known[given.lower()]
    try:
        return make(parameters, lr=learning_rate, **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer={given!r} does not take these optimizer_options: {error}") from error


def scheduler_of(
    given: Callable[[Optimizer], LRScheduler] | str, optimizer: Optimizer, warmup_steps: int, total_steps: int | None
) -> LRScheduler:
    """The scheduler: what the given function makes, or "constant", "linear" or "cosine".

    The named ones rise linearly for `warmup_steps` updates; then "linear" and "cosine" (half a period) fall to zero.

    Raises:
        ConfigError: there is none of this name, or it has to know how many updates there will be and nobody does.
    """
    if not isinstance(given, str):
        made = given(optimizer)
        if isinstance(made, ReduceLROnPlateau):
            raise ConfigError("scheduler is stepped every update, and ReduceLROnPlateau wants a metric: give another.")
        return made
    if given not in _SCHEDULES:
        raise ConfigError(f"scheduler={given!r} is not known. {did_you_mean(given, _SCHEDULES)}")
    if given != "constant" and total_steps is None:
        raise ConfigError(
            f"scheduler={given!r} has to know the number of updates, but train_data has no length. "
            "Give max_steps instead of epochs."
        )

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        if given == "constant" or total_steps is None:
            return 1.0
        done = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        return 1.0 - done if given == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))

    return LambdaLR(optimizer, factor)
