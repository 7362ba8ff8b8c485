"""Sentence encoders: one protocol, and a door that finds an encoder by its configuration."""

from __future__ import annotations

from pathlib import Path

from orepass.digest import digest_path
from orepass.errors import ConfigError, did_you_mean
from orepass.tasks.text.encoders._base import Encoder, EncoderConfig
from orepass.tasks.text.encoders.card import load_card
from orepass.tasks.text.encoders.hashed import HashedEncoder
from orepass.tasks.text.encoders.weights import load_weights

__all__ = ["Encoder", "EncoderConfig", "encoder_digest", "load_encoder", "recommended_threshold"]

BUNDLED = Path(__file__).parent / "bundled"
NAMES = ("bundled", "hashed")


def load_encoder(config: EncoderConfig, lang: str) -> Encoder:
    """Load an encoder.

    Args:
        config: which one.
        lang: the language of the sentences, for encoders that have weights for each language; the hashed ones have
            one table for all.

    Raises:
        ConfigError: an unknown name, or a `model` that is missing or not wanted.
        InputError: the weights cannot be read.
    """
    return HashedEncoder(load_weights(_folder(config)))


def encoder_digest(config: EncoderConfig) -> str:
    """What stands in a cache key for the weights of an encoder.

    Args:
        config: which one.

    Returns:
        Hexadecimal digits that change with the weights, not with their place.

    Raises:
        ConfigError: see `load_encoder`.
        InputError: the weights cannot be read.
    """
    folder = _folder(config)
    return "".join(digest_path(folder / f"{name}.npy") for name in ("keys", "scales", "codes"))


def recommended_threshold(config: EncoderConfig, src_lang: str, tgt_lang: str) -> float | None:
    """The ratio margin from which on a mined pair should be kept, as measured on held-out data.

    It was measured with k = 16 and retrieval `intersection`, on corpora of some hundred sentences; margins are lower
    in larger corpora.

    Args:
        config: which encoder.
        src_lang: a language of the pair.
        tgt_lang: the other one.

    Returns:
        The threshold; the mean over the known pairs for a pair that is not known; None if none was measured.

    Raises:
        ConfigError: see `load_encoder`.
        InputError: the weights cannot be read.
    """
    return load_card(_folder(config)).threshold(src_lang, tgt_lang)


def _folder(config: EncoderConfig) -> Path:
    if config.name not in NAMES:
        raise ConfigError(f"there is no encoder {config.name!r}. {did_you_mean(config.name, NAMES)}")
    if config.name == "bundled":
        if config.model is not None:
            raise ConfigError(
                f"the encoder 'bundled' takes no model, got {str(config.model)!r}. "
                "Set name=hashed to use other weights."
            )
        return BUNDLED
    if config.model is None:
        raise ConfigError(f"the encoder {config.name!r} needs model=<the folder of its weights>.")
    return config.model
