"""The files of a hashed n-gram encoder: read, write, pack into 4 bits a weight.

A folder with

* `keys.npy`: uint32 (n,), ascending: the hashes of the n-grams that have a vector;
* `scales.npy`: uint16 (n,), at most `MAX_SCALE`;
* `codes.npy`: uint8 (n, dim / 2): two 4-bit codes each, of dimension 2j in the lower half and 2j + 1 in the upper,
  stored with 8 added: the vector of n-gram i is `(code - 8) * scale_i`;
* `card.json`: see `orepass.tasks.text.encoders.card`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orepass.errors import InputError

MAX_SCALE = 1023
_LEVELS = 7
_TINY = 1e-30
_FILES = ("keys", "scales", "codes")


@dataclass(frozen=True)
class Weights:
    """The packed weights; see the module for the shapes."""

    keys: NDArray[np.uint32]
    scales: NDArray[np.uint16]
    codes: NDArray[np.uint8]

    @property
    def dim(self) -> int:
        """The width of a vector."""
        return 2 * int(self.codes.shape[1])

    def unpack(self) -> NDArray[np.int16]:
        """The vectors, int16, shape (n, dim): at most `8 * MAX_SCALE` in size."""
        table = np.empty((len(self.keys), self.dim), np.int16)
        scales = self.scales.astype(np.int16)[:, None]
        table[:, 0::2] = ((self.codes & 15).astype(np.int16) - 8) * scales
        table[:, 1::2] = ((self.codes >> 4).astype(np.int16) - 8) * scales
        return table

    def save(self, folder: Path) -> None:
        """Write the arrays into a folder."""
        for name in _FILES:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)


def load_weights(folder: Path) -> Weights:
    """Map the weights of a folder into memory.

    Raises:
        InputError: there are none, or they do not fit together.
    """
    try:
        keys, scales, codes = (np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _FILES)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"No encoder weights in {str(folder)!r}: {error}. Give the folder that flows/train_encoder.py wrote."
        ) from error
    weights = Weights(keys, scales, codes)
    fits = len(keys) == len(scales) == len(codes) and keys.ndim == scales.ndim == 1 and codes.ndim == 2
    types = (keys.dtype, scales.dtype, codes.dtype) == (np.uint32, np.uint16, np.uint8)
    if not (fits and types and len(keys) and scales.max() <= MAX_SCALE and (keys[1:] > keys[:-1]).all()):
        raise InputError(f"The encoder weights in {str(folder)!r} do not fit together. Train or copy them again.")
    return weights


def pack(keys: NDArray[np.uint32], vectors: NDArray[np.float32]) -> Weights:
    """Quantise vectors to 4 bits a weight, with one scale a vector.

    Args:
        keys: distinct hashes, shape (n,).
        vectors: shape (n, dim), dim even.

    Returns:
        Weights, ordered by key, whose vectors are `vectors` times one common factor, but for rounding.
    """
    order = np.argsort(keys)
    vectors = vectors[order]
    steps = _best_steps(vectors)
    unit = max(float(steps.max()) / MAX_SCALE, _TINY)
    scales = np.maximum(np.rint(steps / unit), 1)
    codes = np.clip(np.rint(vectors / (scales * unit)[:, None]), -_LEVELS, _LEVELS).astype(np.int8) + 8
    packed = (codes[:, 0::2] | codes[:, 1::2] << 4).astype(np.uint8)
    return Weights(keys[order], scales.astype(np.uint16), packed)


def _best_steps(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """For each vector the step between codes, out of a few, that makes the least squared error."""
    largest: NDArray[np.float64] = np.abs(vectors).max(axis=1).astype(np.float64)
    best = np.zeros_like(largest)
    least = np.full_like(largest, np.inf)
    for part in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):  # clipping a few outliers makes all other steps finer
        step = np.maximum(largest * part / _LEVELS, _TINY)
        codes = np.clip(np.rint(vectors / step[:, None]), -_LEVELS, _LEVELS)
        error = np.square(codes * step[:, None] - vectors).sum(axis=1)
        better = error < least
        best[better], least[better] = step[better], error[better]
    return best
