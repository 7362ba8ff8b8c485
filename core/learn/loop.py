"""The loop: updates, evaluations and checkpoints."""

from __future__ import annotations

import contextlib
import logging
import math
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import send_to_device

from orepass.errors import ConfigError, TrainingError, did_you_mean
from orepass.progress_reports import progress

if TYPE_CHECKING:
    from orepass.learn.session import Session
    from orepass.learn.trainer import Trainer

_log = logging.getLogger(__name__)


def run_interval(trainer: Trainer, session: Session) -> bool:
    """Train up to the next evaluation, evaluate and write a checkpoint.

    Returns:
        Whether there is more to do.
    """
    if session.accelerator.mixed_precision != trainer.precision:
        raise ConfigError(
            f"Since this training (precision={trainer.precision!r}) began, another one with another precision has, in "
            "the same process. Run one after the other, or each in a process of its own."
        )
    with session.own_random():
        if not _is_finished(trainer, session):
            _train(trainer, session)
        if not _is_finished(trainer, session):
            return True
        if trainer.eval_data is not None:
            session.load_best()
        session.accelerator.save_model(session.model, str(session.output))
        return False


def _train(trainer: Trainer, session: Session) -> None:
    state, stream = session.state, session.stream
    session.model.train()
    with progress(_length(trainer, session), "train", unit="updates") as advance:
        while True:
            window = stream.take(trainer.gradient_accumulation)
            if window:
                _update(trainer, session, window)
                advance(1)
            else:
                _next_epoch(session)
            over = _is_finished(trainer, session) or (
                not window if trainer.eval_every is None else bool(window) and state.step % trainer.eval_every == 0
            )
            best = over and state.evaluated < state.step and _evaluate(trainer, session)
            every = trainer.checkpoint_every
            if (
                _is_finished(trainer, session)
                or best
                or (over if every is None else bool(window) and state.step % every == 0)
            ):
                session.save()
            if over:
                return


def _is_finished(trainer: Trainer, session: Session) -> bool:
    # Not kept in checkpoints: who asks for more than before gets more.
    state = session.state
    return (
        state.step >= (trainer.max_steps or math.inf)
        or state.epoch >= (trainer.epochs or math.inf)
        or state.stale >= (trainer.patience or math.inf)
    )


def _length(trainer: Trainer, session: Session) -> int:
    """How many updates there are until the next evaluation, 0 if nobody knows."""
    step, total = session.state.step, session.total_steps
    if trainer.eval_every is not None:
        left = trainer.eval_every - step % trainer.eval_every
        return left if total is None else min(left, total - step)
    if session.stream.batches is None:
        return 0
    return -(-(session.stream.batches - session.state.batch) // trainer.gradient_accumulation)


def _next_epoch(session: Session) -> None:
    state = session.state
    if state.batch == 0:
        raise ConfigError(f"train_data gave no examples in epoch {state.epoch}. Give some, every time it is read.")
    state.epoch, state.batch = state.epoch + 1, 0
    session.stream.open(state.epoch, 0)


def _update(trainer: Trainer, session: Session, window: list[Any]) -> None:
    """Change the weights once, by the mean loss of some batches."""
    accelerator, state, optimizer = session.accelerator, session.state, session.optimizer
    total = torch.zeros((), device=accelerator.device)
    for number, batch in enumerate(window, 1):
        with contextlib.nullcontext() if number == len(window) else accelerator.no_sync(session.model):
            loss = trainer.training_step(send_to_device(batch, accelerator.device))
            accelerator.backward(loss / len(window))
        total += loss.detach() / len(window)
    value = float(accelerator.reduce(total, "mean"))
    if not math.isfinite(value):
        raise TrainingError(
            f"The loss of update {state.step + 1} (epoch {state.epoch}, batches {state.batch + 1} to "
            f"{state.batch + len(window)}) is {value}. Look for such numbers in these batches; else lower "
            "learning_rate, give a max_grad_norm or more warmup_steps, or use another precision."
        )
    if trainer.max_grad_norm is not None:
        accelerator.clip_grad_norm_(session.model.parameters(), trainer.max_grad_norm)
    rate = optimizer.param_groups[0]["lr"]
    optimizer.step()
    if not accelerator.optimizer_step_was_skipped:  # fp16 skips updates until it has found its scale
        session.scheduler.step()
    optimizer.zero_grad()
    state.step += 1
    state.batch += len(window)
    state.logged.add(value)
    state.interval.add(value)
    if state.step % trainer.log_every == 0:
        session.history.add(
            {"step": state.step, "epoch": state.epoch, "loss": state.logged.take(), "learning_rate": rate}
        )


def _evaluate(trainer: Trainer, session: Session) -> bool:
    """Evaluate, and see whether to end early; whether these weights are the best so far."""
    state, name = session.state, trainer.metric_for_best_model
    mean = state.interval.take()
    line = {"step": state.step, "epoch": state.epoch, "train_loss": mean}
    if trainer.eval_data is None:
        metrics = {"loss": mean}
    else:
        metrics = trainer.evaluate()
        session.model.train()
        line |= {f"eval_{key}": value for key, value in metrics.items()}
    if name not in metrics:
        raise ConfigError(
            f"metric_for_best_model={name!r} is not what evaluate() returns. {did_you_mean(name, metrics)}"
        )
    best = state.judge(trainer.sign_of_metric() * metrics[name], trainer.min_delta)
    session.history.add(line)
    _log.info("%s", ", ".join(f"{key} {value:.5g}" for key, value in line.items()))
    if trainer.patience is not None and state.stale >= trainer.patience:
        _log.info("no improvement in %d evaluations: training ends early", state.stale)
    return best and trainer.eval_data is not None
