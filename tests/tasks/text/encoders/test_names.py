"""Encoders by name: the entries of the configuration, and those of users."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from orepass.config import load
from orepass.errors import ConfigError
from orepass.tasks.text.encoders import Encoder, EncoderConfig, encoder_weights, load_encoder, recommended_threshold

ENTRIES = {path.stem: path for path in (Path(__file__).parents[4] / "conf" / "encoder").glob("*.yaml")}


def test_every_encoder_has_an_entry() -> None:
    assert set(ENTRIES) == {"bundled", "command", "hashed", "labse", "laser2", "laser3", "sentence_transformers"}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_says_all_but_what_only_users_know(entry: str) -> None:
    options = OmegaConf.load(ENTRIES[entry])
    for option, value in (("model", "folder"), ("command", ["cat"]), ("dim", 3)):
        if OmegaConf.is_missing(options, option):
            with pytest.raises(ConfigError, match=option):
                load(EncoderConfig, options)
            options[option] = value
    config = load(EncoderConfig, options)
    assert (config.device, config.dtype, config.processes) == ("auto", "float32", 1)
    assert config.name == ("sentence_transformers" if entry == "labse" else entry)


def test_only_what_was_measured_is_recommended() -> None:
    assert recommended_threshold(EncoderConfig("laser2", "folder"), "en", "fr") is None


def test_an_encoder_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letters.py").write_text(
        "import numpy as np\n"
        "class Letters:\n"
        "    dim, tolerance = 26, 0.0\n"
        "    def encode(self, sentences):\n"
        "        counts = [[text.count(chr(97 + i)) for i in range(26)] for text in sentences]\n"
        "        rows = np.array(counts, np.float32).reshape(-1, 26)\n"
        "        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)\n"
        "def load(config, lang):\n"
        "    return Letters()\n"
        "def weights(config, lang):\n"
        "    return ['letters 1']\n"
    )
    (tmp_path / "mine" / "half.py").write_text("load = print\n")
    monkeypatch.syspath_prepend(tmp_path)
    config = EncoderConfig("mine.letters")
    encoder = load_encoder(config, "en")
    assert isinstance(encoder, Encoder) and encoder.encode(["abc", ""]).sum(axis=1) == pytest.approx([3**0.5, 0])
    assert encoder_weights(config, "en") == ["letters 1"]
    with pytest.raises(ConfigError, match=r"'mine\.half' has no function weights\(config, lang\)"):
        load_encoder(EncoderConfig("mine.half"), "en")
    with pytest.raises(ConfigError, match=r"'mine\.none' cannot be imported.*or one of bundled, hashed"):
        load_encoder(EncoderConfig("mine.none"), "en")
