"""The step that makes a FAISS index for one language and trains it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from orepass import Requirements, module, workdir
from orepass.config import Config
from orepass.errors import ConfigError, InputError
from orepass.pipelines import Input
from orepass.tasks.bitext.faiss_index import (
    faiss_threads,
    faiss_words,
    make_index,
    save_index,
)
from orepass.tasks.bitext.index_shape import shape_of, training_size
from orepass.tasks.bitext.vectors import Floats32, Vectors

_log = logging.getLogger(__name__)
_BATCH = 65536
_SEED = 0


@dataclass(frozen=True)
class TrainData(Config):
    """Which data an index is made of, for the log.

    Attributes:
        bname: their name.
        iteration: how often the encoder was trained on mined data before.
    """

    bname: str = "demo"
    iteration: int = 0


@dataclass(frozen=True)
class TrainIndexConfig(Config):
    """How an index is trained.

    Attributes:
        lang: the language, for the log.
        embedding_file: the embeddings to train on, `.npy` or `.bin`, all shards in order.
        index_type: any FAISS factory string.
        data: which data these are, for the log.
        output_dir: where the flow puts the result for people to find.
        num_cpu: threads to train with.
        use_gpu: ask for a GPU and train on it; without one there, or with a FAISS that has none, on the CPUs.
        embedding_dimensions: the width of the embeddings; 0 or None to take it from the file (`.npy` only).
        embedding_dtype: the type of raw `.bin` embeddings, `float32` or `float16`.
        fp16: on GPUs, keep vectors in half precision while training.
        train_rows: how many rows to train on, at most; None for as many as the type is worth, see `training_size`.
        timeout_min: minutes after which the step is killed; None for no limit.
        mem_gb: GiB that the step asks for.
    """

    lang: str
    embedding_file: Input[tuple[Path, ...]]
    index_type: str = "Flat"
    data: TrainData = TrainData()
    output_dir: str | None = None
    num_cpu: int = 1
    use_gpu: bool = False
    embedding_dimensions: int | None = None
    fp16: bool = False
    train_rows: int | None = None
    timeout_min: float | None = None
    mem_gb: float = 2.0
    embedding_dtype: str = "float32"


def _for_cache(config: TrainIndexConfig) -> Mapping[str, Any]:
    # Names in the log, the place of the copy for people and the number of threads do not change what is learned.
    # use_gpu and fp16 stay: k-means in other precision ends in other centroids.
    silent = {"lang", "data", "output_dir", "num_cpu", "mem_gb"}
    return {name: value for name, value in vars(config).items() if name not in silent}


@module(
    version="2",
    requires=lambda config: Requirements(cpus=config.num_cpu, gpus=int(config.use_gpu), mem_gb=config.mem_gb),
    config_for_cache=_for_cache,
)
def train_index(config: TrainIndexConfig) -> Path:
    """Make an empty index for inner products of unit rows, trained if its type needs it.

    The training set is a fixed pseudo-random sample over all shards as one list, so it does not depend on how the
    rows are cut in shards.

    Args:
        config: the embeddings and the type of index.

    Returns:
        The file of the trained, empty index.

    Raises:
        ConfigError: FAISS refuses the type, or `train_rows` is below 1.
        InputError: embeddings that cannot be read, or too few of them to train this type.
    """
    if config.train_rows is not None and config.train_rows < 1:
        raise ConfigError(f"train_rows={config.train_rows} must be at least 1; leave it out to have it chosen.")
    vectors = Vectors(config.embedding_file, config.embedding_dimensions or None, config.embedding_dtype)
    index = make_index(config.index_type, vectors.dim)
    required = 0 if index.is_trained else config.train_rows or training_size(shape_of(config.index_type, vectors.dim))
    _log.info("lang=%s, sents=%d, required=%d, index type=%s", config.lang, len(vectors), required, config.index_type)
    if not index.is_trained:
        with faiss_threads(config.num_cpu):
            index = _trained(index, _sample(vectors, required), config)
    return save_index(index, workdir() / "trained.index")


def _sample(vectors: Vectors, size: int) -> Floats32:
    """At most `size` rows, drawn without replacement, in order; zero rows are left out."""
    ids = np.arange(len(vectors))
    if size < len(vectors):
        ids = np.sort(np.random.default_rng(_SEED).choice(len(vectors), size, replace=False, shuffle=False))
    rows = np.empty((len(ids), vectors.dim), np.float32)
    for start in range(0, len(ids), _BATCH):
        rows[start : start + _BATCH] = vectors.rows(ids[start : start + _BATCH])
    real = rows.any(axis=1)
    return rows if real.all() else rows[real]


def _trained(index: faiss.Index, rows: Floats32, config: TrainIndexConfig) -> faiss.Index:
    try:
        if config.use_gpu and _gpus():
            return _trained_on_gpus(index, rows, config.fp16)
        if config.use_gpu:
            _log.info("use_gpu is set, but this FAISS sees no GPU: training on %d CPUs", config.num_cpu)
        index.train(rows)
    except RuntimeError as error:
        raise InputError(
            f"index_type={config.index_type!r} cannot be trained on the {len(rows)} rows (zero rows left out) of "
            f"{config.lang!r}: {faiss_words(error)}. Give more sentences, or an index type with fewer lists or "
            "codes; 'Flat' needs no training."
        ) from error
    return index


def _trained_on_gpus(index: faiss.Index, rows: Floats32, fp16: bool) -> faiss.Index:
    options = faiss.GpuMultipleClonerOptions()
    options.useFloat16 = fp16
    on_gpus = faiss.index_cpu_to_all_gpus(index, co=options)
    on_gpus.train(rows)
    return faiss.index_gpu_to_cpu(on_gpus)


def _gpus() -> int:
    return int(faiss.get_num_gpus())
