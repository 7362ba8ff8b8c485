from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orepass.errors import ConfigError
from orepass.tasks.learn.read_package import ReadPackageConfig, read_package, read_rows
from orepass.tasks.learn.select_pairs import SelectedPairs, SelectPairsConfig, select_pairs
from orepass.tasks.learn.withheld import withheld_folds
from orepass.tasks.text.catalogs import parallel_sentences
from orepass.tasks.text.folding import fold

Po = Callable[[str, str, list[tuple[str, str]]], Path]
Pairs = list[tuple[str, str]]

HELD_OUT = [("A sentence held out", "Une phrase mise de côté"), ("Another one of them", "Encore une autre")]
FINE = [("A fine message here", "Un beau message ici"), ("Yet another fine message", "Encore un beau message")]


def select(po: Po, pairs: Pairs, withheld: tuple[str, ...] = (), held_out: str = "held_*") -> SelectedPairs:
    folders = [po("held_1", "fr", HELD_OUT), po("train_1", "fr", pairs)]
    read = tuple(read_package(ReadPackageConfig(("fr",)), folder) for folder in folders)
    names = tuple(folder.name for folder in folders)
    return select_pairs(SelectPairsConfig(names, read, ("fr",), (held_out,), withheld, held_out_min=1))


def trained_on(selected: SelectedPairs) -> Pairs:
    return [(source, target) for _, _, source, target in read_rows(selected.training)]


def test_what_is_written(po: Po) -> None:
    selected = select(po, FINE)
    assert list(read_rows(selected.training)) == [["train_1", "fr", *pair] for pair in FINE]
    assert [list(read_rows(path)) for path in selected.held_out] == [[["fr", *pair] for pair in HELD_OUT]]
    assert selected.counts == {"fr": 2}
    assert selected.dropped == 0
    assert selected.sources.read_text().splitlines() == [
        "package\tuse\tlicence\tfr",
        "held_1\theld out\tsee its copyright file\t2",
        "train_1\ttraining\tsee its copyright file\t2",
    ]


PLANTED = [
    ("ENTER A VALID URL", "Autre chose en majuscules"),  # a message of Django in other case and punctuation
    ("This (field) - cannot be “null”!!", "Autre chose entre guillemets"),
    ("Something else in this place", "«\u00a0Saisissez une URL\u202fvalide\u00a0»"),  # its translation
    ("BITTE eine gültige Adresse eingeben", "Autre chose en allemand"),  # its translation into another language
    ("Ensure this value is less than or equal to {limit}", "Autre chose avec %s"),  # other placeholders
    ("a sentence HELD-OUT", "Autre chose pour la mesure"),  # what the thresholds are chosen on
    ("Something else to measure", "une phrase (mise de côté)…"),
]


def test_nothing_that_is_evaluated_is_trained_on(po: Po) -> None:
    planted = [(source, target.replace("%s", "{limit}")) for source, target in PLANTED]
    selected = select(po, [FINE[0], *planted, FINE[1]], withheld=("django",))
    assert trained_on(selected) == FINE
    assert selected.dropped == len(PLANTED)


def test_everything_that_the_demo_can_mine_is_withheld() -> None:
    folds = withheld_folds(["django"])
    for language in ("fr", "de", "es", "pl", "ja"):
        for pair in parallel_sentences("django", "en", language):
            assert all(fold(text) in folds for text in pair)


def test_withheld_may_be_a_folder(po: Po) -> None:
    other = po("other", "pl", [(FINE[0][0].upper(), "coś innego tutaj")])
    assert trained_on(select(po, FINE, (str(other),))) == FINE[1:]


def test_the_same_pair_twice_counts_once(po: Po) -> None:
    folders = [
        po("held_1", "fr", HELD_OUT),
        po("a", "fr", FINE),
        po("b", "fr", [*FINE, ("A third fine one", "Un tiers")]),
    ]
    read = tuple(read_package(ReadPackageConfig(("fr",)), folder) for folder in folders)
    config = SelectPairsConfig(("held_1", "a", "b"), read, ("fr",), ("held_*",), (), held_out_min=1)
    selected = select_pairs(config)
    assert trained_on(selected) == [*FINE, ("A third fine one", "Un tiers")]


@pytest.mark.parametrize("held_out", ["nothing*", "*"])
def test_some_packages_must_be_held_out_and_some_not(po: Po, held_out: str) -> None:
    with pytest.raises(ConfigError, match="of 2 packages"):
        select(po, FINE, held_out=held_out)


def test_small_held_out_packages_are_dropped_and_large_ones_cut(po: Po) -> None:
    many = [(f"Message with number {i}", f"Un message {i}") for i in range(30)]
    folders = [po("held_1", "fr", HELD_OUT), po("held_2", "fr", many), po("train_1", "fr", FINE)]
    read = tuple(read_package(ReadPackageConfig(("fr",)), folder) for folder in folders)
    names = tuple(folder.name for folder in folders)
    config = SelectPairsConfig(names, read, ("fr",), ("held_*",), (), held_out_min=3, held_out_max=20)
    selected = select_pairs(config)
    assert [len(list(read_rows(path))) for path in selected.held_out] == [20]
