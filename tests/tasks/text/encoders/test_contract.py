"""Every encoder keeps to the contract of `Encoder`."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from orepass.tasks.text.encoders import Encoder


@pytest.fixture(scope="session")
def rows(encoder: Encoder, sentences: list[str]) -> NDArray[np.float32]:
    return encoder.encode(sentences)


def test_is_an_encoder(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    assert 0 <= encoder.tolerance < 0.1


def test_shape_and_type(encoder: Encoder, sentences: list[str], rows: NDArray[np.float32]) -> None:
    assert rows.shape == (len(sentences), encoder.dim)
    assert rows.dtype == np.float32
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_rows_are_unit_vectors_or_zero(sentences: list[str], rows: NDArray[np.float32]) -> None:
    zero = ~rows.any(axis=1)
    np.testing.assert_allclose(np.linalg.norm(rows[~zero].astype(np.float64), axis=1), 1, atol=1e-6)
    assert {sentence for sentence, none in zip(sentences, zero, strict=True) if none} >= {"", " ", "\x00"}
    assert not zero[[sentences.index("The file was saved."), sentences.index("word " * 10_000)]].any()


def test_a_row_depends_on_its_sentence_alone(encoder: Encoder, sentences: list[str], rows: NDArray[np.float32]) -> None:
    some = sentences[5:8] + sentences[-10:]
    alone = np.concatenate([encoder.encode([sentence]) for sentence in some])
    together = rows[[sentences.index(sentence) for sentence in some]]
    np.testing.assert_allclose(alone, together, rtol=0, atol=encoder.tolerance)


def test_the_same_sentences_have_the_same_bits_in_any_order(
    encoder: Encoder, sentences: list[str], rows: NDArray[np.float32]
) -> None:
    again = encoder.encode(sentences[::-1] + sentences)
    assert again.tobytes() == np.concatenate([rows[::-1], rows]).tobytes()
