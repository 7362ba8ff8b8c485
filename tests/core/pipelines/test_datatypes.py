from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NewType, TypedDict

import pytest

from orepass.pipelines import Input
from orepass.pipelines.datatypes import fits, member, spelled


class Corpus: ...


class Tokenized(Corpus): ...


class Vocabulary: ...


class Lines(list[str]): ...


class Typed(TypedDict):
    x: int


Name = NewType("Name", str)


@pytest.mark.parametrize(
    ("given", "required"),
    [
        (Corpus, Corpus),
        (Tokenized, Corpus),
        (Corpus, Corpus | Vocabulary),
        (Corpus | Vocabulary, Vocabulary | Tokenized | Corpus),
        (Corpus, Input[Corpus]),
        (Corpus, Any),
        (Any, Corpus),
        (Corpus, object),
        (int, float),
        (None, Path | None),
        (Name, str),
        (list[Tokenized], tuple[Corpus, ...]),
        (tuple[Corpus, Tokenized], Sequence[Corpus]),
        (tuple[int, str], tuple[int, str]),
        (list[list[Tokenized]], Sequence[Sequence[Corpus]]),
        (list, Sequence[Corpus]),
        (list[Corpus], list),
        (dict[str, Tokenized], Mapping[str, Corpus]),
        (Literal["a", "b"], str),
        (Literal["a"], Literal["a", "b"]),
        (Lines, list),
        (set[int], Collection[int]),
        (Typed, Typed),
    ],
)
def test_a_datatype_fits_what_its_values_can_be_used_for(given: Any, required: Any) -> None:
    assert fits(given, required)


@pytest.mark.parametrize(
    ("given", "required"),
    [
        (Corpus, Tokenized),
        (Corpus | Vocabulary, Corpus),
        (Corpus | None, Corpus),
        (Corpus, Vocabulary | int),
        (float, int),
        (str, Path),
        (str, Sequence[str]),
        (Corpus, Sequence[Corpus]),
        (Sequence[Corpus], Corpus),
        (list[Corpus], list[Tokenized]),
        (tuple[int, ...], tuple[int, int]),
        (tuple[int, str], tuple[int, int]),
        (tuple[int], tuple[int, int]),
        (dict[str, Corpus], Mapping[str, Tokenized]),
        (Literal["a", "c"], Literal["a", "b"]),
        (Literal[1], str),
        (set[int], Sequence[int]),
        (dict[str, int], Typed),
    ],
)
def test_a_datatype_does_not_fit_what_some_of_its_values_cannot_be_used_for(given: Any, required: Any) -> None:
    assert not fits(given, required)


def test_the_members_of_sequences_are_known() -> None:
    assert member(Sequence[Corpus]) is Corpus
    assert member(tuple[int, str]) == int | str
    assert member(list[Corpus] | None) is Corpus
    assert member(list) is Any
    assert member(Input[Any]) is Any
    assert member(Corpus) is None
    assert member(list[Corpus] | Corpus) is None


def test_datatypes_are_written_as_in_annotations() -> None:
    assert spelled(Input[Corpus | None]) == "Corpus | None"
    assert spelled(tuple[Path, ...]) == "tuple[Path, ...]"
    assert spelled(Sequence[dict[str, Corpus]]) == "Sequence[dict[str, Corpus]]"
    assert spelled(Literal["a", 2]) == "Literal['a', 2]"
    assert spelled(Any) == "Any"
