"""What a training has while it runs: made anew, or from the newest checkpoint."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DataLoaderConfiguration, parse_flag_from_env, set_seed
from torch.utils.data import RandomSampler

from orepass.errors import ConfigError
from orepass.learn.checkpoints import Checkpoints
from orepass.learn.choices import loss_of, optimizer_of, scheduler_of
from orepass.learn.data import Stream, loader_of
from orepass.learn.history import History
from orepass.learn.randomness import RandomState
from orepass.learn.state import TrainingState
from orepass.step_folder import checkpoint_folder, current_workdir, workdir

if TYPE_CHECKING:
    from orepass.learn.trainer import Trainer

_STATE = "trainer.json"
# With another one of these, what comes after a checkpoint would not go on as it had begun.
_KEPT = ("batch_size", "gradient_accumulation", "precision", "seed")


@dataclass
class Session:
    """What a training has while it runs.

    Attributes:
        accelerator: knows the processes and the device.
        model: prepared for them; what has to be called.
        loss: a function of outputs and targets; None if the model returns its loss.
        optimizer: prepared, too.
        scheduler: prepared, too.
        stream: the training data.
        eval_loader: the evaluation data; None if there are none.
        total_steps: how many updates there will be at most; None if nobody knows.
        output: the folder of the history and the final weights.
        history: losses and metrics.
        checkpoints: where training can go on.
        state: where it is.
        made_with: what has to stay the same between checkpoints.
        random: the states of all generators when `run` is not at work.
    """

    accelerator: Accelerator
    model: Any
    loss: Callable[..., Any] | None
    optimizer: Any
    scheduler: Any
    stream: Stream
    eval_loader: Any
    total_steps: int | None
    output: Path
    history: History
    checkpoints: Checkpoints
    state: TrainingState
    made_with: dict[str, Any]
    random: RandomState

    @contextlib.contextmanager
    def own_random(self) -> Iterator[None]:
        """Draw random numbers as if nobody else in this process did, and leave theirs as they are."""
        theirs = RandomState.now(self.accelerator.device)
        self.random.restore()
        try:
            yield
        finally:
            self.random = RandomState.now(self.accelerator.device)
            theirs.restore()

    def save(self) -> None:
        """Write a checkpoint, and remove those that are not needed any more."""
        step, main = self.state.step, self.accelerator.is_main_process
        if main and not self.checkpoints.of(step).exists():
            self.checkpoints.begin(step)
        self.accelerator.wait_for_everyone()
        folder = self.checkpoints.unfinished(step)
        if folder.exists():
            self.accelerator.save_state(str(folder))
            self.accelerator.wait_for_everyone()
            if main:
                self.history.keep_in(folder)
                document = {"made_with": self.made_with, "state": self.state.as_document()}
                (folder / _STATE).write_text(json.dumps(document))
                self.checkpoints.commit(step)
                self.checkpoints.prune(self.state.best_step)
        self.accelerator.wait_for_everyone()

    def resume(self) -> None:
        """Go on from the newest checkpoint, if there is one.

        Raises:
            ConfigError: it is of another training.
        """
        found = self.checkpoints.newest()
        self.accelerator.wait_for_everyone()
        self.history.go_back_to(found)
        if found is not None:
            document = json.loads((found / _STATE).read_text())
            self._compare(found, document["made_with"])
            try:
                self.accelerator.load_state(str(found))
            except (RuntimeError, ValueError, KeyError) as error:
                raise ConfigError(
                    f"The checkpoint {found} is not one of this model and optimizer: {error}\n"
                    "Give another folder for `checkpoints`, or remove this one."
                ) from error
            self.state = TrainingState.of(document["state"])
        if self.accelerator.is_main_process:
            self.checkpoints.prune(self.state.best_step)  # a process may have been killed in the middle of that
        self.stream.open(self.state.epoch, self.state.batch)

    def load_best(self) -> None:
        """Give the model the weights of the best evaluation."""
        best = self.checkpoints.of(self.state.best_step)
        if self.state.best_step != self.state.step and best.exists():
            self.accelerator.load_state(str(best))

    def _compare(self, found: Path, before: dict[str, Any]) -> None:
        changed = [
            f"{name}={before.get(name)!r}, now {now!r}"
            for name, now in self.made_with.items()
            if before.get(name) != now
        ]
        if changed:
            raise ConfigError(
                f"The checkpoints in {found.parent} were made with {'; '.join(changed)}. Go on with what they "
                "were made with, give another folder for `checkpoints`, or remove this one."
            )


def begin(trainer: Trainer) -> Session:
    """Make all that a training needs, and go on where an earlier one with the same checkpoints was.

    Raises:
        ConfigError: see `Trainer.session`.
    """
    accelerator = _accelerator(trainer.precision)
    output = _output(trainer, accelerator)
    theirs = RandomState.now(accelerator.device)
    try:
        set_seed(trainer.seed)
        model = trainer.model if isinstance(trainer.model, torch.nn.Module) else trainer.model()
        if not isinstance(model, torch.nn.Module):
            raise ConfigError(f"model made a {type(model).__name__}, not a torch module.")
        trainer.model = model
        train = loader_of(trainer.train_data, "train_data", trainer.batch_size, trainer.num_workers, shuffle=True)
        can_skip = train is not trainer.train_data and isinstance(train.sampler, RandomSampler)
        stream = Stream(train, trainer.seed, can_skip, accelerator)
        total = _total_steps(trainer, stream)
        # On the device before the optimizer is made: some keep what they find there.
        model = model.to(accelerator.device)
        learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not learnt:
            raise ConfigError("model has no parameters that require a gradient. Give one that has.")
        optimizer = optimizer_of(trainer.optimizer, learnt, trainer.learning_rate, trainer.optimizer_options)
        scheduler = scheduler_of(trainer.scheduler, optimizer, trainer.warmup_steps, total)
        prepared = accelerator.prepare(model, optimizer, scheduler)
        set_seed(trainer.seed, device_specific=True)
        session = Session(
            accelerator,
            prepared[0],
            loss_of(trainer.loss),
            prepared[1],
            prepared[2],
            stream,
            _eval_loader(trainer, accelerator),
            total,
            output,
            History(output, accelerator.is_main_process),
            Checkpoints(
                Path(trainer.checkpoints or checkpoint_folder() or output / "checkpoints"), trainer.keep_checkpoints
            ),
            TrainingState(),
            {**{name: getattr(trainer, name) for name in _KEPT}, "processes": accelerator.num_processes},
            RandomState.now(accelerator.device),
        )
        session.resume()
        session.random = RandomState.now(accelerator.device)
        return session
    finally:
        theirs.restore()


def _accelerator(precision: str) -> Accelerator:
    accelerates = logging.getLogger("accelerate")
    if accelerates.level == logging.NOTSET:
        accelerates.setLevel(logging.WARNING)  # it tells of every file of every checkpoint
    # Of a machine without accelerators accelerate would think that each process trains alone.
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or (several and not torch.accelerator.is_available())
    device = PartialState(cpu=cpu).device
    if precision == "fp16" and device.type == "cpu":
        raise ConfigError('precision="fp16" needs a GPU, and there is none. Use "bf16" or "no".')
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise ConfigError(f'precision="bf16" is not known to {torch.cuda.get_device_name(device)}. Use "fp16" or "no".')
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        # accelerate has one precision a process; a trainer that is done need not decide about the next one's.
        AcceleratorState._reset_state()
    accelerator = Accelerator(
        cpu=cpu,
        mixed_precision=precision,
        step_scheduler_with_optimizer=False,
        dataloader_config=DataLoaderConfiguration(dispatch_batches=False),
    )
    accelerator.gradient_accumulation_steps = 1  # whatever `accelerate launch` says: the loop counts itself
    return accelerator


def _output(trainer: Trainer, accelerator: Accelerator) -> Path:
    if trainer.output is not None:
        return Path(trainer.output)
    if accelerator.num_processes > 1 and current_workdir() is None:
        raise ConfigError("Several processes train together, and each would write to another folder: give `output`.")
    return workdir()


def _eval_loader(trainer: Trainer, accelerator: Accelerator) -> Any:
    if trainer.eval_data is None:
        return None
    loader = loader_of(trainer.eval_data, "eval_data", trainer.batch_size, trainer.num_workers, shuffle=False)
    return accelerator.prepare_data_loader(loader)


def _total_steps(trainer: Trainer, stream: Stream) -> int | None:
    if trainer.epochs is None or stream.batches is None:
        return trainer.max_steps
    return trainer.epochs * -(-stream.batches // trainer.gradient_accumulation)
