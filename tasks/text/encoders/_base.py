"""The contract of sentence encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from orepass.config import Config


@dataclass(frozen=True)
class EncoderConfig(Config):
    """Which encoder makes embeddings of sentences.

    Attributes:
        name: `bundled`, the weights that come with this package, or `hashed`, weights of the same kind that
            `flows/train_encoder.py` made.
        model: the folder of the weights, for encoders whose weights are not bundled.
    """

    name: str = "bundled"
    model: Path | None = None


@runtime_checkable
class Encoder(Protocol):
    """Turns sentences into vectors whose cosine says how near they are in meaning, across languages.

    Every encoder keeps to this, and `tests/tasks/text/encoders` holds each of them to it:

    * row i depends on sentence i alone: not on its neighbours, on how many there are, or on how a corpus is cut
      into batches and shards;
    * the same sentence gives the same row, bit for bit, in every process;
    * rows are L2-normalised, except that a sentence in which nothing is known (an empty one among them) gives a row
      of zeros, which matches nothing;
    * any `str` is a sentence: line separators, emoji, lone surrogates, a megabyte without a space.

    Attributes:
        dim: the width of a row.
    """

    dim: int

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences.

        Args:
            sentences: n of them, n >= 0.

        Returns:
            float32, shape (n, dim).
        """
        ...
