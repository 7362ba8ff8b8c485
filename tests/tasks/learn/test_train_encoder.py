from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orepass.errors import ConfigError
from orepass.tasks.learn.build_encoder import BuildEncoderConfig, build_encoder
from orepass.tasks.learn.calibrate import best_threshold, mine
from orepass.tasks.learn.read_package import write_rows
from orepass.tasks.learn.train_embeddings import TrainEmbeddingsConfig, train_embeddings
from orepass.tasks.text.catalog_corpus import draw_texts
from orepass.tasks.text.encoders import EncoderConfig, load_encoder, recommended_threshold

from .conftest import made_up_pairs


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "training.jsonl"
    write_rows(path, [["p", "fr", *pair] for pair in made_up_pairs(600, seed=1)])
    return path


def config(pairs: Path) -> TrainEmbeddingsConfig:
    return TrainEmbeddingsConfig(pairs, ngrams=4000, dim=32, epochs=8, batch=64, group=16)


def test_learns_a_made_up_language(pairs: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason='training needs torch: pip install "orepass[train]"')
    embeddings = train_embeddings(config(pairs))
    vectors = np.load(embeddings / "vectors.npy")
    assert vectors.shape == (len(np.load(embeddings / "keys.npy")), 32)
    assert vectors.dtype == np.float32
    held_out = tmp_path / "held.jsonl"
    unseen = made_up_pairs(150, seed=2)
    write_rows(held_out, [["fr", *pair] for pair in unseen])
    sources = tmp_path / "sources.tsv"
    sources.write_text("package\n")
    folder = build_encoder(BuildEncoderConfig(embeddings, (held_out,), sources, {"fr": 600}))
    made = EncoderConfig("hashed", folder)
    encoder = load_encoder(made, "fr")
    threshold, f1 = best_threshold(encoder, [unseen])
    assert f1 > 0.9
    assert recommended_threshold(made, "en", "fr") == threshold
    mined = mine(encoder, draw_texts(unseen, 0.5, seed=7))
    assert mined.gold == 50
    assert mined.f1(threshold) > 0.85


def test_the_same_seed_learns_the_same(pairs: Path) -> None:
    pytest.importorskip("torch", reason='training needs torch: pip install "orepass[train]"')
    few = replace(config(pairs), epochs=1)
    one, two = (np.load(train_embeddings(few) / "vectors.npy") for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_too_few_pairs_and_an_odd_width(pairs: Path) -> None:
    pytest.importorskip("torch", reason='training needs torch: pip install "orepass[train]"')
    with pytest.raises(ConfigError, match="600 pairs are fewer than one batch"):
        train_embeddings(TrainEmbeddingsConfig(pairs, batch=601))
    with pytest.raises(ConfigError, match="dim=31 is odd"):
        train_embeddings(TrainEmbeddingsConfig(pairs, dim=31))


def test_without_torch_it_says_what_to_install(pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "orepass\[train\]'):
        train_embeddings(config(pairs))
