"""The step that turns trained embeddings into the files of an encoder: packed weights, thresholds, card."""

from __future__ import annotations

import logging
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orepass import Requirements, module, workdir
from orepass.config import Config
from orepass.tasks.learn.calibrate import best_threshold
from orepass.tasks.learn.read_package import read_rows
from orepass.tasks.text.catalog_files import MESSAGE_LANGUAGE
from orepass.tasks.text.encoders.card import Card
from orepass.tasks.text.encoders.hashed import HashedEncoder
from orepass.tasks.text.encoders.weights import load_weights, pack

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildEncoderConfig(Config):
    """What is built.

    Attributes:
        embeddings: the folder that `train_embeddings` returned.
        held_out: files of sentence pairs that were not trained on, see `select_pairs`.
        sources: the table of the training data, see `select_pairs`.
        pairs: training pairs by language.
    """

    embeddings: Path
    held_out: tuple[Path, ...]
    sources: Path
    pairs: dict[str, int]


@module(version="1", requires=Requirements(cpus=1, mem_gb=2))
def build_encoder(config: BuildEncoderConfig) -> Path:
    """Pack embeddings, and find the threshold of each language pair on held-out data with the packed weights.

    Args:
        config: the embeddings and the held-out pairs.

    Returns:
        A folder for `EncoderConfig(name="hashed", model=folder)`; see `orepass.tasks.text.encoders.weights`.
    """
    folder = workdir() / "encoder"
    folder.mkdir()
    keys = np.load(config.embeddings / "keys.npy", allow_pickle=False)
    vectors = np.load(config.embeddings / "vectors.npy", mmap_mode="r", allow_pickle=False)
    pack(keys, vectors).save(folder)
    encoder = HashedEncoder(load_weights(folder))
    found = {language: best_threshold(encoder, corpora) for language, corpora in read_held_out(config.held_out).items()}
    for language, (threshold, f1) in found.items():
        _log.info("%s-%s: F1 %.3f on held-out packages, threshold %.2f", MESSAGE_LANGUAGE, language, f1, threshold)
    Card(
        languages=(MESSAGE_LANGUAGE, *config.pairs),
        thresholds={f"{MESSAGE_LANGUAGE}-{language}": threshold for language, (threshold, _) in found.items()},
        held_out_f1={f"{MESSAGE_LANGUAGE}-{language}": round(f1, 4) for language, (_, f1) in found.items()},
        pairs={f"{MESSAGE_LANGUAGE}-{language}": count for language, count in config.pairs.items()},
    ).save(folder)
    shutil.copyfile(config.sources, folder / "sources.tsv")
    return folder


def read_held_out(held_out: Sequence[Path]) -> dict[str, list[list[tuple[str, str]]]]:
    """The sentence pairs of each held-out package, by language.

    Args:
        held_out: files of sentence pairs, see `select_pairs`.
    """
    corpora: dict[str, list[list[tuple[str, str]]]] = defaultdict(list)
    for path in held_out:
        package: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for language, source, target in read_rows(path):
            package[language].append((source, target))
        for language, pairs in package.items():
            corpora[language].append(pairs)
    return dict(corpora)
