"""A dual encoder over n-gram vectors: the step of its training, in torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding_bag, normalize

from orepass.tasks.learn.training_data import Ints, Ragged, TrainingData

_INITIAL_STD = 0.05


class DualEncoder:
    """The vectors of n-grams, and how they learn from one batch of sentence pairs.

    Only the rows that a batch touches are read, differentiated and written: `torch.optim.SparseAdam` spends three
    quarters of a step of this model on sorting and masking sparse gradients.
    """

    def __init__(self, data: TrainingData, dim: int, seed: int) -> None:
        """Draw the vectors.

        Args:
            data: the training data.
            dim: the width of the vectors.
            seed: draws them.
        """
        generator = torch.Generator().manual_seed(seed)
        self._data = data
        self._table = torch.empty(len(data.keys), dim).normal_(std=_INITIAL_STD, generator=generator)
        self._squares = torch.zeros(len(data.keys), 1)  # Adagrad's accumulator, one a row

    def vectors(self) -> NDArray[np.float32]:
        """What was learnt, shape (ngrams, dim)."""
        return np.asarray(self._table.numpy())

    def step(
        self, pairs: Ints, dropout: float, rate: float, temperature: float, margin: float, rng: np.random.Generator
    ) -> float:
        """Learn from one batch.

        Args:
            pairs: the numbers of its pairs.
            dropout: the part of the n-grams of each word that is left out.
            rate: the learning rate.
            temperature: divides the cosines.
            margin: is taken off the cosines of the true pairs.
            rng: draws what is left out.

        Returns:
            The loss.
        """
        tokens = self._data.sources[pairs].followed_by(self._data.targets[pairs])
        words, word_of = np.unique(tokens.values, return_inverse=True)
        ngrams = self._data.ngrams[words]
        ngrams = ngrams.where(rng.random(len(ngrams.values)) >= dropout)
        rows, row_of = np.unique(ngrams.values, return_inverse=True)
        touched = torch.from_numpy(rows)
        vectors = self._table[touched].requires_grad_()
        word_vectors = _sums(vectors, Ragged(row_of, ngrams.offsets))
        embedded = normalize(_sums(word_vectors, Ragged(word_of, tokens.offsets)))
        loss = self._loss(pairs, embedded, temperature, margin)
        loss.backward()  # type: ignore[no-untyped-call]
        assert vectors.grad is not None
        squares = self._squares[touched] + vectors.grad.square().mean(dim=1, keepdim=True)
        self._squares[touched] = squares
        self._table[touched] = vectors.detach() - rate * vectors.grad / (squares.sqrt() + 1e-10)
        return loss.item()

    def _loss(self, pairs: Ints, embedded: Tensor, temperature: float, margin: float) -> Tensor:
        sources, targets = embedded[: len(pairs)], embedded[len(pairs) :]
        logits = (sources @ targets.T - margin * torch.eye(len(pairs))) / temperature
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


def _sums(table: Tensor, lists: Ragged) -> Tensor:
    """For each list the sum of the rows that it names; zeros for an empty one."""
    return embedding_bag(torch.from_numpy(lists.values), table, torch.from_numpy(lists.offsets[:-1]), mode="sum")
