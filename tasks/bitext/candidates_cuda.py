"""Rough neighbours in both directions on a CUDA device: products of float16 rows, summed in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from orepass.tasks.bitext.candidates import Candidates
from orepass.tasks.bitext.topk import error_bound
from orepass.tasks.bitext.vectors import Floats32

_ROWS, _COLUMNS = 8192, 16384  # a block of scores takes 512 MB


def candidates_cuda(
    src: Floats32, tgt: Floats32, count: int, advance: Callable[[int], None], device: str = "cuda"
) -> tuple[Candidates, Candidates]:
    """What `candidates` does, on a device that holds both matrices in float16.

    Args:
        src: (n, dim) unit rows.
        tgt: (m, dim) unit rows.
        count: how many candidates a row gets.
        advance: is told how many rows of `src` are done since.
        device: where torch works.
    """
    x, x_off = _on_device(src, device)
    y, y_off = _on_device(tgt, device)
    columns = _Best(len(y), count, device)
    rows = _Best(len(x), count, device)
    for i in range(0, len(x), _ROWS):
        left = x[i : i + _ROWS]
        for j in range(0, len(y), _COLUMNS):
            right = y[j : j + _COLUMNS]
            scores = _multiply(left, right)
            rows.enter(i, scores, j)
            columns.enter(j, scores.T, i)
        advance(len(left))
    summed = 2 * error_bound(src.shape[1])
    return (
        rows.candidates(x_off + (1 + x_off) * y_off.max(initial=0) + summed),
        columns.candidates(y_off + (1 + y_off) * x_off.max(initial=0) + summed),
    )


class _Best:
    """The best scores that each of n rows has met, and whose they are."""

    def __init__(self, n: int, count: int, device: str) -> None:
        self._scores = torch.full((n, count), -torch.inf, device=device)
        self._ids = torch.full((n, count), -1, dtype=torch.int32, device=device)

    def enter(self, first: int, scores: Any, first_id: int) -> None:
        """Let (r, s) scores of rows `first` and on enter; the column of `first_id` is the first."""
        here = slice(first, first + len(scores))
        best, place = scores.topk(min(self._scores.shape[1], scores.shape[1]), dim=1, sorted=False)
        best = torch.cat([self._scores[here], best], dim=1)
        ids = torch.cat([self._ids[here], (place + first_id).to(torch.int32)], dim=1)
        self._scores[here], kept = best.topk(self._scores.shape[1], dim=1, sorted=False)
        self._ids[here] = ids.gather(1, kept)

    def candidates(self, error: Floats32) -> Candidates:
        return Candidates(self._ids.cpu().numpy(), self._scores.cpu().numpy(), error, 0.0)


def _multiply(left: Any, right: Any) -> Any:
    if left.is_cuda:
        return torch.mm(left, right.T, out_dtype=torch.float32)
    return left.float() @ right.float().T


def _on_device(rows: Floats32, device: str) -> tuple[Any, Floats32]:
    """The rows in float16 on the device, and how far each is from what it was."""
    out = torch.empty(rows.shape, dtype=torch.float16, device=device)
    off = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _COLUMNS):
        here = slice(start, start + _COLUMNS)
        exact = torch.tensor(rows[here], device=device)
        out[here] = exact
        off[here] = torch.linalg.vector_norm(exact - out[here].float(), dim=1).cpu().numpy()
    return out, off * np.float32(1 + 2**-10)
