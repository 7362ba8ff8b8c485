"""The step that trains n-gram embeddings on sentence pairs."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orepass import Requirements, module, progress, workdir
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.tasks.learn.read_package import read_rows
from orepass.tasks.learn.training_data import Ints, TrainingData, batches, number_pairs

_log = logging.getLogger(__name__)

_WARM_UP = 50
_REPORT_EVERY = 200


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


@module(version="1", requires=Requirements(cpus=1, mem_gb=6))
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
        ConfigError: torch is not installed, there are fewer pairs than a batch, or `dim` is odd.
    """
    if importlib.util.find_spec("torch") is None:
        raise ConfigError('training needs torch: pip install "torch>=2.6"')
    if config.dim % 2:
        raise ConfigError(f"dim={config.dim} is odd; two weights are packed into a byte.")
    data = number_pairs(read_rows(config.pairs), config.ngrams)
    if len(data.origin) < config.batch:
        raise ConfigError(f"{len(data.origin)} pairs are fewer than one batch; set batch to less than {config.batch}.")
    vectors = _train(data, config)
    folder = workdir() / "embeddings"
    folder.mkdir()
    np.save(folder / "keys.npy", data.keys, allow_pickle=False)
    np.save(folder / "vectors.npy", vectors, allow_pickle=False)
    return folder


def _train(data: TrainingData, config: TrainEmbeddingsConfig) -> NDArray[np.float32]:
    from orepass.tasks.learn.dual_encoder import DualEncoder  # here, because it imports torch

    model = DualEncoder(data, config.dim, config.seed)
    rng = np.random.default_rng(config.seed)
    steps = max(1, int(config.epochs * len(data.origin)) // config.batch)
    with progress(steps, "train embeddings", unit="batches") as advance:
        for step, pairs in enumerate(islice(_batches_forever(data, config, rng), steps)):
            rate = config.learning_rate * min(1.0, (step + 1) / _WARM_UP) * max(0.02, 1 - step / steps)
            loss = model.step(pairs, config.dropout, rate, config.temperature, config.margin, rng)
            advance(1)
            if step % _REPORT_EVERY == 0 or step == steps - 1:
                _log.info("batch %d of %d: loss %.3f", step + 1, steps, loss)
    return model.vectors()


def _batches_forever(data: TrainingData, config: TrainEmbeddingsConfig, rng: np.random.Generator) -> Iterator[Ints]:
    while True:
        yield from batches(data.origin, config.batch, config.group, rng)
