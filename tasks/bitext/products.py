"""The products of two sets of unit rows, in the precisions that processors are fast in."""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from orepass.tasks.bitext.product_choice import WORTH_TORCH, has_torch
from orepass.tasks.bitext.topk import error_bound
from orepass.tasks.bitext.vectors import Floats32

_BLOCK = 1024
"""Rows that are rounded at once: few enough that a processor's cache holds them."""


class Product(Protocol):
    """Rough scores of all pairs of rows of two matrices, block by block, in a type that `select` compares.

    Attributes:
        lowest: less than or equal to every score, as `select` compares them.
        src_error: (n,) how far a score of this row of the first matrix is off at most, and on top of that
        tgt_error: (m,) likewise, of the second matrix.
        relative: times the size of the score.
    """

    lowest: Any
    src_error: Floats32
    tgt_error: Floats32
    relative: float

    def buffer(self, size: int) -> Any:
        """Room for this many scores."""

    def left(self, start: int, stop: int) -> Any:
        """Some rows of the first matrix, for `block`."""

    def block(self, left: Any, start: int, stop: int, buffer: Any) -> NDArray[Any]:
        """The scores of these rows and of rows `start` to `stop` of the second matrix, in the buffer."""

    def as_float32(self, scores: NDArray[Any]) -> Floats32:
        """Scores that `select` has kept as numbers; `lowest` becomes -inf."""


class NumpyProduct:
    """The product in float32, by NumPy's BLAS; see `Product`."""

    lowest: Any = np.float32(-np.inf)
    relative = 0.0

    def __init__(self, src: Floats32, tgt: Floats32) -> None:
        """Args: (n, dim) and (m, dim) unit rows."""
        self._src, self._tgt = src, tgt
        self.src_error, self.tgt_error = _summed(src), _summed(tgt)

    def buffer(self, size: int) -> Floats32:
        """See `Product`."""
        return np.empty(size, np.float32)

    def left(self, start: int, stop: int) -> Floats32:
        """See `Product`."""
        return self._src[start:stop]

    def block(self, left: Floats32, start: int, stop: int, buffer: Floats32) -> Floats32:
        """See `Product`."""
        out = buffer[: len(left) * (stop - start)].reshape(len(left), stop - start)
        return np.matmul(left, self._tgt[start:stop].T, out=out)

    def as_float32(self, scores: NDArray[Any]) -> Floats32:
        """See `Product`."""
        return scores


class TorchProduct:
    """The product in float32, by torch (MKL or oneDNN); see `Product`."""

    lowest: Any = np.float32(-np.inf)
    relative = 0.0

    def __init__(self, src: Floats32, tgt: Floats32) -> None:
        """Args: (n, dim) and (m, dim) unit rows."""
        self._src, self._tgt = _as_tensor(src), _as_tensor(tgt)
        self.src_error, self.tgt_error = _summed(src), _summed(tgt)

    def buffer(self, size: int) -> Any:
        """See `Product`."""
        return self._src.new_empty(size)

    def left(self, start: int, stop: int) -> Any:
        """See `Product`."""
        return self._src[start:stop]

    def block(self, left: Any, start: int, stop: int, buffer: Any) -> NDArray[Any]:
        """See `Product`."""
        scores: NDArray[Any] = self._multiply(left, start, stop, buffer).numpy()
        return scores

    def as_float32(self, scores: NDArray[Any]) -> Floats32:
        """See `Product`."""
        return scores

    def _multiply(self, left: Any, start: int, stop: int, buffer: Any) -> Any:
        import torch

        out = buffer[: len(left) * (stop - start)].view(len(left), stop - start)
        return torch.mm(left, self._tgt[start:stop].T, out=out)


class Bfloat16Product(TorchProduct):
    """The product in bfloat16, fast on a processor with AMX or AVX512-BF16; see `Product`.

    Scores are int16: the bits of a bfloat16, which `select` rearranges so that they compare like numbers.
    """

    lowest: Any = np.int16(-(2**15))
    relative = 1.01 * 2.0**-8  # of a rounded score, which has 8 significant bits

    def __init__(self, src: Floats32, tgt: Floats32) -> None:
        """Args: (n, dim) and (m, dim) unit rows; copies of both in bfloat16 are kept."""
        self._src, src_off = _rounded(src)
        self._tgt, tgt_off = _rounded(tgt)
        # |xy - XY| <= |x - X||y| + |X||y - Y|, and the sum is rounded in float32.
        self.src_error = src_off + (1 + src_off) * tgt_off.max(initial=0) + 2 * _summed(src)
        self.tgt_error = tgt_off + (1 + tgt_off) * src_off.max(initial=0) + 2 * _summed(tgt)

    def block(self, left: Any, start: int, stop: int, buffer: Any) -> NDArray[Any]:
        """See `Product`."""
        import torch

        bits: NDArray[np.int16] = self._multiply(left, start, stop, buffer).view(torch.int16).numpy()
        return bits

    def as_float32(self, scores: NDArray[Any]) -> Floats32:
        """See `Product`."""
        from orepass.tasks.bitext.kernels import make_comparable

        bits = scores.copy()
        make_comparable(bits)
        numbers = (bits.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return np.where(scores == self.lowest, np.float32(-np.inf), numbers)


def on_processor(product: str, src: Floats32, tgt: Floats32) -> Product:
    """The product named `float32` or `bfloat16` of (n, dim) and (m, dim) unit rows."""
    if product == "bfloat16":
        return Bfloat16Product(src, tgt)
    fast = src.size * len(tgt) >= WORTH_TORCH and has_torch()
    return TorchProduct(src, tgt) if fast else NumpyProduct(src, tgt)


def _summed(rows: Floats32) -> Floats32:
    """How far sums in float32 are off."""
    return np.full(len(rows), error_bound(rows.shape[1]), np.float32)


def _as_tensor(rows: Floats32) -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writ", UserWarning)  # nobody writes
        return torch.from_numpy(rows)


def _rounded(rows: Floats32) -> tuple[Any, Floats32]:
    """The rows in bfloat16, and how far each is from what it was."""
    import torch

    out = torch.empty(rows.shape, dtype=torch.bfloat16)
    off = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _BLOCK):
        here = slice(start, start + _BLOCK)
        exact = _as_tensor(rows[here])
        out[here] = exact
        off[here] = torch.linalg.vector_norm(exact - out[here].float(), dim=1).numpy()
    return out, off * np.float32(1 + 2**-10)
