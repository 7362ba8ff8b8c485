from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orepass.errors import ConfigError, InputError
from orepass.tasks.text.encoders import EncoderConfig, encoder_weights, load_encoder

from .conftest import needs

FEW = ["A dog runs in the park.", "Ein Hund läuft im Park.", "", "The file was saved.", "The document was stored."]
NAME = "sentence_transformers"


@pytest.fixture
def config(minilm: Path) -> EncoderConfig:
    return EncoderConfig(NAME, str(minilm), device="cpu")


def test_sentences_that_mean_the_same_are_near(config: EncoderConfig) -> None:
    rows = load_encoder(config, "en").encode(FEW)
    cosines = rows @ rows.T
    assert cosines[3, 4] > 0.6 > 0.3 > cosines[0, 3]
    half = load_encoder(replace(config, dtype="bfloat16"), "en")
    np.testing.assert_allclose(half.encode(FEW), rows, atol=half.tolerance)
    assert half.encode(FEW).tobytes() != rows.tobytes()
    prompted = load_encoder(replace(config, prompt="query: "), "en").encode(FEW)
    assert not prompted[2].any()
    assert 0.5 < (prompted[0] * rows[0]).sum() < 0.999


def test_several_processes(config: EncoderConfig) -> None:
    encoder = load_encoder(config, "en")
    several = load_encoder(replace(config, processes=2, num_cpu=2), "en")
    np.testing.assert_allclose(several.encode(FEW), encoder.encode(FEW), atol=encoder.tolerance)
    running = multiprocessing.active_children()
    assert len(running) == 2
    for process in running:
        process.kill()
    with pytest.raises(RuntimeError, match="died unexpectedly"):
        several.encode(FEW)
    assert not multiprocessing.active_children()


def test_the_key_goes_with_what_changes_rows(config: EncoderConfig) -> None:
    same = [replace(config, device="auto"), replace(config, batch_size=1, processes=2, num_cpu=3, mem_gb=9)]
    assert {encoder_weights(one, "en") for one in same} == {encoder_weights(config, "de")}
    for other in (replace(config, dtype="bfloat16"), replace(config, prompt="query: ")):
        assert encoder_weights(other, "en") != encoder_weights(config, "en")


@pytest.fixture
def cached(minilm: Path) -> Iterator[str]:
    """A model in the cache of the Hub."""
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    place = Path(constants.HF_HUB_CACHE) / "models--acme--tiny"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    shutil.copytree(minilm, place / "snapshots" / commit, copy_function=lambda source, to: Path(to).symlink_to(source))
    yield commit
    shutil.rmtree(place)


def test_a_model_in_the_cache_is_used_without_the_network(cached: str, config: EncoderConfig) -> None:
    named = EncoderConfig(NAME, "acme/tiny", device="cpu")
    assert encoder_weights(named, "en")[0] == f"acme/tiny@{cached}"
    assert load_encoder(named, "en").encode(FEW).tobytes() == load_encoder(config, "en").encode(FEW).tobytes()
    next(Path(os.environ["HF_HOME"]).glob("hub/*/snapshots/*/model.safetensors")).unlink()
    with pytest.raises(InputError, match="'acme/tiny' is neither a folder nor whole in the local cache"):
        load_encoder(named, "en")


def test_a_model_that_cannot_be_downloaded() -> None:
    needs("sentence_transformers")
    said = r"'acme/none' is neither a folder nor whole in the local cache.*OfflineModeIsEnabled.*encoder.model=FOLDER"
    for ask in (load_encoder, encoder_weights):
        with pytest.raises(InputError, match=said):
            ask(EncoderConfig(NAME, "acme/none", device="cpu"), "en")
    with pytest.raises(InputError, match="There is no folder 'no/such/folder', and as the name of a model"):
        encoder_weights(EncoderConfig(NAME, "no/such/folder"), "en")
    with pytest.raises(ConfigError, match="needs model=<a name"):
        encoder_weights(EncoderConfig(NAME), "en")


def test_folders_that_are_no_model(minilm: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no sentence-transformers model: it has neither modules\.json"):
        encoder_weights(EncoderConfig(NAME, tmp_path), "en")
    for name in ("modules.json", "config.json", "sentence_bert_config.json"):
        shutil.copy(minilm / name, tmp_path / name)
    with pytest.raises(InputError, match="cannot be loaded as a sentence-transformers model: "):
        load_encoder(EncoderConfig(NAME, tmp_path, device="cpu"), "en")


def test_devices_that_are_not_there(config: EncoderConfig) -> None:
    import torch

    with pytest.raises(ConfigError, match=r"device=cuda with processes=99, but torch .* sees \d+ GPUs on "):
        load_encoder(replace(config, device="cuda", processes=99), "en")
    with pytest.raises(ConfigError, match="dtype=float16 needs a GPU"):
        load_encoder(replace(config, dtype="float16"), "en")
    assert torch.get_default_dtype() == torch.float32


def test_a_package_that_is_not_installed(config: EncoderConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigError, match=r"package sentence_transformers.*pip install 'orepass\[encoders\]'"):
        load_encoder(config, "en")
