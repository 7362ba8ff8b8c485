from __future__ import annotations

import numpy as np

from orepass.tasks.learn.training_data import Batches, Ragged, batches, number_pairs
from orepass.tasks.text.encoders.ngrams import hash_ngrams


def lists(ragged: Ragged) -> list[list[int]]:
    return [part.tolist() for part in np.split(ragged.values, ragged.offsets[1:-1])]


def test_ragged() -> None:
    ragged = Ragged.of([[1, 2], [], [3], [4, 5, 6]])
    assert lists(ragged) == [[1, 2], [], [3], [4, 5, 6]]
    assert lists(ragged[np.array([3, 1, 0])]) == [[4, 5, 6], [], [1, 2]]
    assert lists(ragged.where(ragged.values % 2 == 0)) == [[2], [], [], [4, 6]]
    assert lists(ragged.followed_by(Ragged.of([[], [7]]))) == [[1, 2], [], [3], [4, 5, 6], [], [7]]


def test_number_pairs() -> None:
    rows = [
        ["p", "fr", "open the file", "ouvrir le fichier"],
        ["p", "de", "Open the file!", "Datei öffnen"],
        ["q", "fr", "the the the", "Ouvrir: le fichier"],
    ]
    data = number_pairs(rows, 7)
    assert lists(data.sources) == [[0, 1, 2], [0, 1, 2], [1, 1, 1]]
    assert data.same_source[0] == data.same_source[1] != data.same_source[2]
    assert data.same_target[0] == data.same_target[2] != data.same_target[1]
    assert len(set(data.origin.tolist())) == 3
    # "the" comes five times, more than any other word: its n-grams are kept first.
    the = set(hash_ngrams(["the"])[0].tolist())
    assert the <= set(data.keys.tolist())
    assert {int(data.keys[row]) for row in lists(data.ngrams)[1]} == the


def test_batches_take_every_pair_once_in_groups_of_one_origin() -> None:
    origin = np.repeat([0, 1, 2], [50, 30, 16])
    found = list(batches(origin, 32, 8, np.random.default_rng(0)))
    assert [len(batch) for batch in found] == [32, 32, 32]
    assert sorted(np.concatenate(found).tolist()) == list(range(96))
    changes = sum(int((np.diff(origin[batch]) != 0).sum()) for batch in found)
    assert changes <= 96 // 8 + 3
    again = list(batches(origin, 32, 8, np.random.default_rng(0)))
    assert all((one == other).all() for one, other in zip(found, again, strict=True))


def test_batches_for_a_data_loader_depend_on_the_epoch_alone() -> None:
    made = Batches(np.repeat([0, 1, 2], 7), size=4, group=2, seed=1)
    first = list(made)
    assert len(first) == len(made) == 5
    made.set_epoch(1)
    assert list(made) != first
    made.set_epoch(0)
    assert list(made) == first
    assert len({number for batch in first for number in batch}) == 20
