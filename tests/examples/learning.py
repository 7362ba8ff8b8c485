"""A small task with all that is random: order, what a dataset draws, dropout."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from orepass.learn import Trainer

EXAMPLES = 22


def example(number: int) -> tuple[Tensor, Tensor]:
    """A point of a plane."""
    point = torch.tensor([number / EXAMPLES, (number % 5) / 5, (number % 3) / 3])
    return point, point @ torch.tensor([[1.0], [2.0], [-1.0]])


class Noisy(Dataset[tuple[Tensor, Tensor]]):
    """The plane, with noise that is drawn anew whenever an example is read, from all generators there are."""

    def __len__(self) -> int:
        return EXAMPLES

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        point, height = example(number)
        return point + 0.01 * (random.random() + np.random.random() + float(torch.rand(()))), height


class Shuffled(IterableDataset[tuple[Tensor, Tensor]]):
    """The same as a stream that shuffles a few examples at a time."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        buffer: list[tuple[Tensor, Tensor]] = []
        for number in range(EXAMPLES):
            buffer.append(Noisy()[number])
            if len(buffer) == 5:
                yield buffer.pop(random.randrange(5))
        yield from buffer


def data(kind: str) -> Any:
    """Training data of a kind."""
    return {
        "dataset": Noisy,
        "workers": Noisy,
        "loader": lambda: DataLoader(Noisy(), 3, shuffle=True),
        "stream": Shuffled,
    }[kind]()


def line() -> nn.Module:
    """The model that fits."""
    return nn.Linear(3, 1)


def model() -> nn.Module:
    """A net whose inner part is dropped out."""
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))


def trainer(folder: Path, kind: str = "dataset", **options: Any) -> Trainer:
    """A trainer whose epochs are 8 batches, of which the last is smaller, in 4 updates."""
    usual: dict[str, Any] = {
        "eval_data": [example(number) for number in range(7)],
        "loss": "mse_loss",
        "learning_rate": 0.05,
        "scheduler": "cosine",
        "max_steps": 14,
        "batch_size": 3,
        "num_workers": 1 if kind == "workers" else 0,
        "gradient_accumulation": 2,
        "max_grad_norm": 1.0,
        "log_every": 1,
        "checkpoint_every": 1,
        "keep_checkpoints": 100,
        "output": folder,
    }
    return Trainer(model, data(kind), **{**usual, **options})


def train(trainer: Trainer) -> str:
    """Train to the end; the history."""
    while trainer.run():
        pass
    assert trainer.output is not None
    return (trainer.output / "history.jsonl").read_text()
