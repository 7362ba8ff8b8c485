"""The step that fills a trained index with embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss

from orepass import Requirements, module, progress, workdir
from orepass.config import Config
from orepass.errors import ConfigError, InputError
from orepass.pipelines import Input
from orepass.tasks.bitext.faiss_index import faiss_threads, faiss_words, load_index, save_index, streams
from orepass.tasks.bitext.on_disk import merge_on_disk
from orepass.tasks.bitext.vectors import Floats32, Vectors

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
        embedding_dtype: the type of raw `.bin` embeddings, `float32` or `float16`.
        timeout_min: minutes after which the step is killed; None for no limit.
        mem_gb: GiB that the step asks for; a quarter of it holds rows whose lists then go to disk.
    """

    lang: str
    index: Input[Path]
    index_type: str = "Flat"
    embedding_files: tuple[Path, ...] = ()
    output_dir: str | None = None
    num_cpu: int = 1
    embedding_dimensions: int | None = None
    timeout_min: float | None = None
    mem_gb: float = 2.0
    embedding_dtype: str = "float32"


def _for_cache(config: PopulateIndexConfig) -> Mapping[str, Any]:
    # The index's content stands for its type; the rest is for the log, for people, or about speed.
    return {
        "index": config.index,
        "embedding_files": config.embedding_files,
        "embedding_dimensions": config.embedding_dimensions,
        "embedding_dtype": config.embedding_dtype,
    }


@module(
    version="2",
    requires=lambda config: Requirements(cpus=config.num_cpu, mem_gb=config.mem_gb),
    config_for_cache=_for_cache,
)
def populate_index(config: PopulateIndexConfig, element: Path | None = None) -> Path:
    """Add the rows of one shard, or of all `embedding_files`, to a copy of the trained index.

    Rows are numbered from 0 in the order in which they are added; `merge_indexes` numbers them over all shards. Where
    the type is an inverted file whose lists can stay on disk, a shard of any size fits in `mem_gb`.

    Args:
        config: the trained index.
        element: the embeddings of one shard; None for all of `config.embedding_files`.

    Returns:
        The filled index: a file, or a folder where its lists are a file of their own.

    Raises:
        ConfigError: there is nothing to add, or the type of index takes no rows.
        InputError: files that cannot be read, or embeddings of another width than the index.
    """
    files = config.embedding_files if element is None else (element,)
    if not files:
        raise ConfigError("populate_index has nothing to add. Set embedding_files, or schedule it over shards.")
    index = load_index(config.index, writable=True)
    vectors = Vectors(files, config.embedding_dimensions or None, config.embedding_dtype)
    if vectors.dim != index.d:
        raise InputError(
            f"{str(files[0])!r} has rows of width {vectors.dim}, the index {str(config.index)!r} was trained for "
            f"{index.d}. Train it on these embeddings."
        )
    with (
        faiss_threads(config.num_cpu),
        progress(len(vectors), f"populate {config.lang} {config.index_type}", unit="sentences") as advance,
    ):
        return _filled(index, vectors, config, advance)


def _filled(index: faiss.Index, vectors: Vectors, config: PopulateIndexConfig, advance: Callable[[int], None]) -> Path:
    rows_in_memory = len(vectors)
    if streams(index):
        rows_in_memory = max(1, int(config.mem_gb / 4 * 2**30) // (index.sa_code_size() + 8))
    parts: list[Path] = []
    for _, rows in vectors.blocks(min(_BATCH, rows_in_memory)):
        if index.ntotal + len(rows) > rows_in_memory:
            parts.append(save_index(index, workdir() / f"{len(parts)}.part"))
            index.reset()
        _add(index, rows, config.index_type)
        advance(len(rows))
    path = workdir() / "populated.index"
    if not parts:
        return save_index(index, path)
    parts.append(save_index(index, workdir() / f"{len(parts)}.part"))
    merge_on_disk(parts, path)
    for part in parts:
        part.unlink()
    return path


def _add(index: faiss.Index, rows: Floats32, index_type: str) -> None:
    try:
        index.add(rows)
    except RuntimeError as error:
        raise ConfigError(
            f"index_type={index_type!r} takes no rows: {faiss_words(error)}. Choose another one."
        ) from error
