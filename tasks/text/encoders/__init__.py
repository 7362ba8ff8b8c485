"""Sentence encoders: one protocol, and a door that finds an encoder by its configuration."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from orepass.errors import ConfigError
from orepass.tasks.text.encoders._base import KINDS, Encoder, EncoderConfig, FileEncoder, Kind
from orepass.tasks.text.encoders.card import load_card
from orepass.tasks.text.encoders.hashed import folder_of

__all__ = [
    "Encoder",
    "EncoderConfig",
    "FileEncoder",
    "Kind",
    "encoder_weights",
    "load_encoder",
    "recommended_threshold",
]


def load_encoder(config: EncoderConfig, lang: str) -> Encoder:
    """Load an encoder.

    Args:
        config: which one.
        lang: the language of the sentences, for encoders that have weights for each language.

    Raises:
        ConfigError: an option that this encoder cannot do, a package that is not installed, a GPU that is not there.
        InputError: the weights are missing, cannot be downloaded or cannot be read.
    """
    return _kind_of(config).load(config, lang)


def encoder_weights(config: EncoderConfig, lang: str) -> Sequence[Path | str]:
    """What stands in a cache key for an encoder: it changes with the rows, not with the place of the weights.

    Args:
        config: which one.
        lang: the language of the sentences.

    Returns:
        Files and folders, for their content, and words.

    Raises:
        ConfigError: see `load_encoder`.
        InputError: the weights are missing.
    """
    return _kind_of(config).weights(config, lang)


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
    if config.name not in ("bundled", "hashed"):
        return None
    return load_card(folder_of(config)).threshold(src_lang, tgt_lang)


def _kind_of(config: EncoderConfig) -> Kind:
    name = KINDS.get(config.name, config.name)
    try:
        kind = importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"The encoder {config.name!r} cannot be imported: {error}. Give the name of a Python module that is "
            f"installed where the steps run, or one of {', '.join(KINDS)}."
        ) from error
    for function in ("load", "weights"):
        if not hasattr(kind, function):
            raise ConfigError(
                f"The encoder {config.name!r} has no function {function}(config, lang); see docs/encoders.md."
            )
    return cast(Kind, kind)
