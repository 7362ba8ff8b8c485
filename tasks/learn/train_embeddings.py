"""The step that trains n-gram embeddings on sentence pairs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from orepass import Requirements, module, workdir
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.learn import Trainer
from orepass.learn.checks import require_torch
from orepass.tasks.learn.read_package import read_rows
from orepass.tasks.learn.training_data import Batches, TrainingData, number_pairs

_log = logging.getLogger(__name__)

_WARM_UP = 50
_REPORT_EVERY = 200
_CHECKPOINT_EVERY = 1000


@dataclass(frozen=True)
class TrainEmbeddingsConfig(Config):
    """What is trained, and how.

    Attributes:
        pairs: the training pairs of `select_pairs`.
        ngrams: how many n-grams get a vector: the most frequent ones.
        dim: the width of the vectors; even.
        epochs: how often every pair is seen.
        batch: pairs that are told apart from each other at a time.
        group: pairs of one package in a batch, see `batches`.
        learning_rate: at the start, after a short warm-up; it falls linearly.
        temperature: divides the cosines.
        margin: what is taken off the cosine of a true pair.
        dropout: the part of the n-grams that is left out of a word, drawn anew in each batch.
        seed: draws all of it.
    """

    pairs: Path
    ngrams: int = 118_000
    dim: int = 256
    epochs: float = 3.0
    batch: int = 1024
    group: int = 256
    learning_rate: float = 0.15
    temperature: float = 0.04
    margin: float = 0.3
    dropout: float = 0.1
    seed: int = 0


@module(version="2", requires=Requirements(cpus=1, mem_gb=6))
def train_embeddings(config: TrainEmbeddingsConfig) -> Path:
    """Train a dual encoder: a sentence's vector is the normalised sum of the vectors of its words' n-grams.

    The loss is the softmax cross-entropy of each sentence's partner among all partners of the batch, in both
    directions, with an additive margin (Yang et al., "Improving Multilingual Sentence Embedding using Bi-directional
    Dual Encoder with Additive Margin Softmax", IJCAI 2019, eq. 3 to 5). Pairs that share a sentence are no negatives
    of each other. The optimiser is Adagrad with one accumulator a row.

    Args:
        config: the pairs, and how to train.

    Returns:
        A folder with `keys.npy`, uint32 (n,), and `vectors.npy`, float32 (n, dim).

    Raises:
        ConfigError: torch or accelerate is not installed, there are fewer pairs than a batch, or `dim` is odd.
    """
    require_torch()
    if config.dim % 2:
        raise ConfigError(f"dim={config.dim} is odd; two weights are packed into a byte.")
    data = number_pairs(read_rows(config.pairs), config.ngrams)
    if len(data.origin) < config.batch:
        raise ConfigError(f"{len(data.origin)} pairs are fewer than one batch; set batch to less than {config.batch}.")
    with TemporaryDirectory(dir=workdir()) as scratch:
        vectors = _train(data, config, Path(scratch))
    folder = workdir() / "embeddings"
    folder.mkdir()
    np.save(folder / "keys.npy", data.keys, allow_pickle=False)
    np.save(folder / "vectors.npy", vectors, allow_pickle=False)
    return folder


def _train(data: TrainingData, config: TrainEmbeddingsConfig, folder: Path) -> NDArray[np.float32]:
    from torch.optim import Optimizer  # here, because these import torch
    from torch.optim.lr_scheduler import LambdaLR
    from torch.utils.data import DataLoader

    from orepass.tasks.learn.dual_encoder import DualEncoder, RowAdagrad

    steps = max(1, int(config.epochs * len(data.origin)) // config.batch)

    def falling(optimizer: Optimizer) -> LambdaLR:
        return LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / _WARM_UP) * max(0.02, 1 - step / steps))

    trainer = Trainer(
        lambda: DualEncoder(data, config.dim, config.dropout, config.temperature, config.margin),
        DataLoader(
            range(len(data.origin)),  # type: ignore[arg-type]
            batch_sampler=Batches(data.origin, config.batch, config.group, config.seed),
        ),
        optimizer=partial(RowAdagrad, lr=config.learning_rate),
        scheduler=falling,
        max_steps=steps,
        eval_every=_REPORT_EVERY,
        checkpoint_every=_CHECKPOINT_EVERY,
        seed=config.seed,
        output=folder,
    )
    more = True
    while more:
        more = trainer.run()
        _log.info("update %d of %d: mean loss %.3f at best", trainer.session.state.step, steps, -trainer.metric())
    return np.asarray(trainer.session.model.table.detach().numpy())
