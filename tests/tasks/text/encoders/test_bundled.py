"""What the bundled encoder, and those of its kind, promise beyond the contract of `Encoder`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orepass.canonical import canonical
from orepass.digest import digest_path
from orepass.errors import ConfigError, InputError
from orepass.tasks.text.catalogs import parallel_sentences
from orepass.tasks.text.encoders import (
    Encoder,
    EncoderConfig,
    encoder_weights,
    load_encoder,
    recommended_threshold,
)
from orepass.tasks.text.encoders.hashed import BUNDLED


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(EncoderConfig(), "en")


def test_a_row_has_the_same_bits_in_any_company(encoder: Encoder, sentences: list[str]) -> None:
    rows = encoder.encode(sentences)
    alone = np.concatenate([encoder.encode([sentence]) for sentence in sentences])
    assert rows.tobytes() == alone.tobytes()
    many = encoder.encode(sentences[:24] * 700)  # more than are worked on at a time
    assert many.tobytes() == np.concatenate([rows[:24]] * 700).tobytes()


@given(st.lists(st.text(max_size=40), max_size=12), st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_batches_do_not_matter(encoder: Encoder, texts: list[str], cut: int) -> None:
    halves = np.concatenate([encoder.encode(texts[:cut]), encoder.encode(texts[cut:])])
    assert encoder.encode(texts).tobytes() == halves.tobytes()
    assert np.isfinite(halves).all()


def test_the_same_bits_in_another_process(encoder: Encoder) -> None:
    code = (
        "import hashlib; from orepass.tasks.text.encoders import *;"
        "rows = load_encoder(EncoderConfig(), 'de').encode(['Die Datei wurde gespeichert.', 'Zażółć gęślą jaźń']);"
        "print(hashlib.sha256(rows.tobytes()).hexdigest())"
    )
    digests = {subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout for _ in range(2)}
    here = encoder.encode(["Die Datei wurde gespeichert.", "Zażółć gęślą jaźń"])
    assert digests == {hashlib.sha256(here.tobytes()).hexdigest().encode() + b"\n"}


@pytest.mark.parametrize("language", ["fr", "de", "es", "pl"])
def test_translations_are_nearest(encoder: Encoder, language: str) -> None:
    pairs = parallel_sentences("django", "en", language)
    cosines = encoder.encode([a for a, _ in pairs]) @ encoder.encode([b for _, b in pairs]).T
    assert (cosines.argmax(axis=1) == np.arange(len(pairs))).mean() > 0.8


def test_case_and_punctuation_do_not_count(encoder: Encoder) -> None:
    rows = encoder.encode(["Enter a valid URL.", "enter a VALID “url”"])
    assert rows[0].tobytes() == rows[1].tobytes()


def test_at_most_16_megabytes() -> None:
    assert sum(path.stat().st_size for path in BUNDLED.rglob("*")) <= 16_000_000


def test_no_pickle_among_the_weights() -> None:
    assert {path.suffix for path in BUNDLED.iterdir()} <= {".npy", ".json", ".md", ".tsv"}
    for path in BUNDLED.glob("*.npy"):
        assert not np.load(path, mmap_mode="r", allow_pickle=False).dtype.hasobject


def test_thresholds() -> None:
    known = [recommended_threshold(EncoderConfig(), "en", language) for language in ("fr", "de", "es", "pl")]
    assert all(threshold is not None and 1 < threshold < 3 for threshold in known)
    assert recommended_threshold(EncoderConfig(), "pl", "en") == known[3]
    mean = recommended_threshold(EncoderConfig(), "en", "xx")
    assert mean == pytest.approx(sum(x for x in known if x) / 4, abs=1e-3)


def test_the_key_goes_with_the_weights_and_not_with_their_place(tmp_path: Path) -> None:
    def key(config: EncoderConfig) -> object:
        return canonical(encoder_weights(config, "en"), digest_path)

    copy = tmp_path / "copy"
    shutil.copytree(BUNDLED, copy)
    other = EncoderConfig("hashed", copy)
    assert key(EncoderConfig()) == key(other)
    assert load_encoder(other, "en").encode(["The file"]).any()
    scales = np.load(copy / "scales.npy")
    scales[0] ^= 1
    np.save(copy / "scales.npy", scales)
    assert key(EncoderConfig()) != key(other)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"name": "bundeld"},
            r"'bundeld'.*Did you mean 'bundled'\? Valid: bundled, command, hashed, laser2, laser3, sentence_t",
        ),
        ({"device": "gpu"}, r"device='gpu'.*Valid: auto, cpu, cuda"),
        ({"dtype": "fp16"}, r"dtype='fp16'.*Valid: bfloat16, float16, float32"),
        ({"processes": 0}, "processes=0 is too small"),
    ],
)
def test_options_that_no_encoder_has(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        EncoderConfig(**options)  # type: ignore[arg-type]


def test_options_that_are_for_neural_encoders() -> None:
    for ask in (load_encoder, encoder_weights):
        with pytest.raises(ConfigError, match="sums integers, in one process and on a CPU"):
            ask(EncoderConfig(device="cuda"), "en")


def test_a_model_where_none_is_wanted_and_none_where_one_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes no model"):
        load_encoder(EncoderConfig("bundled", tmp_path), "en")
    with pytest.raises(ConfigError, match="needs model"):
        encoder_weights(EncoderConfig("hashed"), "en")


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No encoder weights"):
        load_encoder(EncoderConfig("hashed", tmp_path), "en")
    copy = tmp_path / "copy"
    shutil.copytree(BUNDLED, copy)
    np.save(copy / "keys.npy", np.load(copy / "keys.npy")[:-1])
    with pytest.raises(InputError, match="do not fit together"):
        load_encoder(EncoderConfig("hashed", copy), "en")
    np.save(copy / "keys.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match="No encoder weights"):
        load_encoder(EncoderConfig("hashed", copy), "en")
    (copy / "card.json").write_text("{")
    with pytest.raises(InputError, match=r"card\.json"):
        recommended_threshold(EncoderConfig("hashed", copy), "en", "fr")
