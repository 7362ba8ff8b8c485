"""A dual encoder over n-gram vectors: the model and its optimizer, in torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding, embedding_bag, normalize

from orepass.tasks.learn.training_data import Ints, Ragged, TrainingData

_INITIAL_STD = 0.05


class DualEncoder(nn.Module):
    """The vectors of n-grams, and their loss on a batch of sentence pairs.

    Only the rows that a batch touches get a gradient, a sparse one.
    """

    def __init__(self, data: TrainingData, dim: int, dropout: float, temperature: float, margin: float) -> None:
        """Draw the vectors.

        Args:
            data: the training data.
            dim: the width of the vectors.
            dropout: the part of the n-grams of each word that is left out.
            temperature: divides the cosines.
            margin: is taken off the cosines of the true pairs.
        """
        super().__init__()
        self._data = data
        self._dropout = dropout
        self._temperature = temperature
        self._margin = margin
        self.table = nn.Parameter(torch.empty(len(data.keys), dim).normal_(std=_INITIAL_STD))

    def forward(self, batch: Tensor) -> Tensor:
        """The loss on the pairs with these numbers."""
        pairs = batch.numpy()
        tokens = self._data.sources[pairs].followed_by(self._data.targets[pairs])
        words, word_of = np.unique(tokens.values, return_inverse=True)
        ngrams = self._data.ngrams[words]
        ngrams = ngrams.where(torch.rand(len(ngrams.values)).numpy() >= self._dropout)
        rows, row_of = np.unique(ngrams.values, return_inverse=True)
        vectors = embedding(torch.from_numpy(rows), self.table, sparse=True)
        word_vectors = _sums(vectors, Ragged(row_of, ngrams.offsets))
        embedded = normalize(_sums(word_vectors, Ragged(word_of, tokens.offsets)))
        sources, targets = embedded[: len(pairs)], embedded[len(pairs) :]
        logits = (sources @ targets.T - self._margin * torch.eye(len(pairs))) / self._temperature
        logits = logits.masked_fill(torch.from_numpy(self._no_negatives(pairs)), -torch.inf)
        right = torch.arange(len(pairs))
        return (cross_entropy(logits, right) + cross_entropy(logits.T, right)) / 2

    def _no_negatives(self, pairs: Ints) -> NDArray[np.bool_]:
        """Pairs of pairs that share a sentence: each one's target may well translate the other's source."""
        shared = np.zeros((len(pairs), len(pairs)), np.bool_)
        for number in (self._data.same_source[pairs], self._data.same_target[pairs]):
            shared |= number[:, None] == number[None, :]
        np.fill_diagonal(shared, False)
        return shared


class RowAdagrad(torch.optim.Optimizer):
    """Adagrad with one accumulator a row, for sparse gradients that have each row once.

    `torch.optim.SparseAdam` spends three quarters of a step of this model on sorting and masking sparse gradients.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        """Take the parameters, matrices whose gradients are sparse.

        Args:
            parameters: what is learnt.
            lr: the learning rate.
        """
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change the rows that have a gradient."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is None:
                    continue
                rows, gradient = table.grad._indices()[0], table.grad._values()
                if not self.state[table]:
                    self.state[table]["squares"] = torch.zeros(len(table), 1)
                squares = self.state[table]["squares"]
                squares[rows] += gradient.square().mean(dim=1, keepdim=True)
                table[rows] -= group["lr"] * gradient / (squares[rows].sqrt() + 1e-10)


def _sums(table: Tensor, lists: Ragged) -> Tensor:
    """For each list the sum of the rows that it names; zeros for an empty one."""
    return embedding_bag(torch.from_numpy(lists.values), table, torch.from_numpy(lists.offsets[:-1]), mode="sum")
