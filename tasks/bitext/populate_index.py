"""The step that fills a trained index with embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orepass import Requirements, module, progress, workdir
from orepass.config import Config
from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.faiss_index import faiss_threads, faiss_words, load_index, save_index
from orepass.tasks.bitext.vectors import Vectors

_BATCH = 16384


@dataclass(frozen=True)
class PopulateIndexConfig(Config):
    """What an index is filled with.

    Attributes:
        lang: the language, for the log.
        index: the trained index.
        index_type: its factory string, for the log.
        embedding_files: the embeddings that go into one index if the step is called without an element.
        output_dir: where the flow puts the result for people to find.
        num_cpu: threads to use.
        embedding_dimensions: the width of the embeddings; 0 or None to take it from the file (`.npy` only).
        timeout_min: minutes after which the step is killed; None for no limit.
    """

    lang: str
    index: Path
    index_type: str = "Flat"
    embedding_files: tuple[Path, ...] = ()
    output_dir: str | None = None
    num_cpu: int = 1
    embedding_dimensions: int | None = None
    timeout_min: float | None = None


def _for_cache(config: PopulateIndexConfig) -> Mapping[str, Any]:
    # The index's content stands for its type; the rest is for the log, for people, or about speed.
    return {
        "index": config.index,
        "embedding_files": config.embedding_files,
        "embedding_dimensions": config.embedding_dimensions,
    }


@module(version="1", requires=lambda config: Requirements(cpus=config.num_cpu), config_for_cache=_for_cache)
def populate_index(config: PopulateIndexConfig, element: Path | None = None) -> Path:
    """Add the rows of one shard, or of all `embedding_files`, to a copy of the trained index.

    Rows are numbered from 0 in the order in which they are added; `merge_indexes` numbers them over all shards.

    Args:
        config: the trained index.
        element: the embeddings of one shard; None for all of `config.embedding_files`.

    Returns:
        The file of the filled index.

    Raises:
        ConfigError: there is nothing to add, or the type of index takes no rows.
        InputError: files that cannot be read, or embeddings of another width than the index.
    """
    files = config.embedding_files if element is None else (element,)
    if not files:
        raise ConfigError("populate_index has nothing to add. Set embedding_files, or schedule it over shards.")
    index = load_index(config.index)
    vectors = Vectors(files, config.embedding_dimensions or None)
    if vectors.dim != index.d:
        raise InputError(
            f"{str(files[0])!r} has rows of width {vectors.dim}, the index {str(config.index)!r} was trained for "
            f"{index.d}. Train it on these embeddings."
        )
    with (
        faiss_threads(config.num_cpu),
        progress(len(vectors), f"populate {config.lang} {config.index_type}", unit="sentences") as advance,
    ):
        for _, rows in vectors.blocks(_BATCH):
            try:
                index.add(rows.astype(np.float32))
            except RuntimeError as error:
                raise ConfigError(
                    f"index_type={config.index_type!r} takes no rows: {faiss_words(error)}. Choose another one."
                ) from error
            advance(len(rows))
    return save_index(index, workdir() / "populated.index")
