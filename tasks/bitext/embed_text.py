"""The step that turns a text shard into embeddings."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orepass import Requirements, module, progress, workdir
from orepass.config import Config
from orepass.errors import ConfigError, InputError
from orepass.pipelines import Input, adapter
from orepass.tasks.bitext.vectors import Vectors, read_npy
from orepass.tasks.text.encoders import EncoderConfig, FileEncoder, encoder_weights, load_encoder
from orepass.tasks.text.lines import count_lines, read_lines

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbedConfig(Config):
    """How text is embedded.

    Attributes:
        lang: the language of the text.
        encoder: what encodes; None if every shard comes with its embeddings.
        embedding_dimensions: the width of precomputed embeddings; None to take it from the file (`.npy` only).
        embedding_dtype: the type of precomputed raw `.bin` embeddings, `float32` or `float16`.
        batch_size: sentences that are encoded, and kept in memory, at a time.
        timeout_min: minutes after which the step is killed; None for no limit.
    """

    lang: str
    encoder: EncoderConfig | None = None
    embedding_dimensions: int | None = None
    embedding_dtype: str = "float32"
    batch_size: int = 16384
    timeout_min: float | None = None


@dataclass(frozen=True)
class TextShard:
    """One shard of a corpus.

    Attributes:
        text: one sentence a line, plain or compressed.
        embeddings: its embeddings, one row a line, `.npy` or `.bin`; None to encode the text.
        rows: which rows of the embeddings belong to the lines of the text, in the lines' order, where the text was
            filtered after it was embedded: `.npy`, int64, shape (lines,), from 0; None for all rows as they are.
    """

    text: Path
    embeddings: Path | None = None
    rows: Path | None = None


@dataclass(frozen=True)
class EmbeddedShard:
    """The embeddings of one shard.

    The text's own path is not in it: results are found again by content, and the text may have moved since.

    Attributes:
        embeddings: `.npy`, float32 (sentences, dim): unit rows; zero rows for sentences without an embedding.
        sentences: the number of rows, which is the number of lines of the text.
        dim: the width of a row.
    """

    embeddings: Path
    sentences: int
    dim: int


def _for_cache(config: EmbedConfig) -> Mapping[str, Any]:
    # batch_size changes rounding at most; of the encoder it is the weights that decide, wherever they are.
    if config.encoder is None:
        return {"embedding_dimensions": config.embedding_dimensions, "embedding_dtype": config.embedding_dtype}
    return {"lang": config.lang, "weights": encoder_weights(config.encoder, config.lang)}


def _needs(config: EmbedConfig) -> Requirements:
    encoder = config.encoder
    if encoder is None:
        return Requirements()
    if encoder.name == "command":
        return encoder.app.requirements()
    gpus = encoder.processes if encoder.device == "cuda" else 0
    return Requirements(cpus=encoder.num_cpu, gpus=gpus, mem_gb=encoder.mem_gb)


def _is_whole(output: EmbeddedShard, config: EmbedConfig, element: TextShard) -> bool:
    rows = np.load(output.embeddings, mmap_mode="r")
    size = rows.offset + output.sentences * output.dim * np.dtype(np.float32).itemsize
    return (rows.shape, output.embeddings.stat().st_size) == ((output.sentences, output.dim), size)


@module(version="2", requires=_needs, validate=_is_whole, config_for_cache=_for_cache)
def embed_text(config: EmbedConfig, element: TextShard) -> EmbeddedShard:
    """Embed one shard, or check and scale the embeddings that it comes with.

    Args:
        config: the language and its encoder.
        element: the shard.

    Returns:
        Unit rows in float32, one a line.

    Raises:
        ConfigError: neither an encoder nor embeddings are given.
        InputError: text or embeddings that cannot be read or do not fit together.
        AppError: the command of an encoder failed.
    """
    sentences = count_lines(element.text)
    path = workdir() / "embeddings.npy"
    title = f"embed {config.lang} {element.text.name}"
    with progress(sentences, title, unit="sentences") as advance:
        zero, out = 0, None
        for start, batch in _batches(config, element, sentences):
            if out is None:
                out = np.lib.format.open_memmap(path, "w+", np.float32, (sentences, batch.shape[1]))
            out[start : start + len(batch)] = batch
            zero += int((~batch.any(axis=1)).sum())
            advance(len(batch))
    assert out is not None  # a text has at least one line
    out.flush()
    if zero:
        _log.warning("%s: %d of %d sentences have a zero row: they never match", element.text, zero, sentences)
    return EmbeddedShard(path, sentences, out.shape[1])


@adapter
def text_shards(text: Input[Sequence[Path]], embeddings: Input[Sequence[Path] | None] = None) -> list[TextShard]:
    """The shards of a corpus out of the files of its text and of its embeddings, if there are any.

    Args:
        text: one sentence a line.
        embeddings: one file a file of text, in the same order.

    Raises:
        InputError: there are not as many files of the one as of the other.
    """
    if embeddings is None:
        return [TextShard(path) for path in text]
    if len(text) != len(embeddings):
        raise InputError(
            f"There are {len(text)} text shards, the first {str(text[0])!r}, but {len(embeddings)} files of "
            f"embeddings, the first {str(embeddings[0])!r}. Give one file of embeddings for each shard, in its order."
        )
    return [TextShard(*pair) for pair in zip(text, embeddings, strict=True)]


def _batches(config: EmbedConfig, shard: TextShard, sentences: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Unit rows in order: the first row's number, and (b, dim) rows."""
    if shard.embeddings is not None:
        vectors = Vectors([shard.embeddings], config.embedding_dimensions, config.embedding_dtype)
        if shard.rows is not None:
            return _picked(vectors, _read_rows(shard.rows, sentences, len(vectors)), config.batch_size)
        if len(vectors) != sentences:
            raise InputError(
                f"{str(shard.embeddings)!r} has {len(vectors)} rows, but its text {str(shard.text)!r} has "
                f"{sentences} lines. Give the embeddings of exactly this text; a line ends at a line feed only."
            )
        return vectors.blocks(config.batch_size)
    if shard.rows is not None:
        raise ConfigError(f"rows={str(shard.rows)!r} of {str(shard.text)!r} without embeddings. Give both, or neither.")
    if config.encoder is None:
        raise ConfigError(f"No encoder, and no embeddings for {str(shard.text)!r}. Set one of the two.")
    return _encoded(config, config.encoder, shard.text)


def _picked(vectors: Vectors, rows: NDArray[np.int64], size: int) -> Iterator[tuple[int, NDArray[Any]]]:
    for start in range(0, len(rows), size):
        yield start, vectors.rows(np.asarray(rows[start : start + size]))


def _read_rows(path: Path, sentences: int, there: int) -> NDArray[np.int64]:
    rows = read_npy(path)
    if rows.dtype != np.int64 or rows.shape != (sentences,):
        raise InputError(
            f"{str(path)!r} holds an array of {rows.dtype} of shape {rows.shape}. Rows that belong to "
            f"{sentences} lines are int64 of shape ({sentences},)."
        )
    if rows.min() < 0 or rows.max() >= there:
        raise InputError(
            f"{str(path)!r} names rows from {rows.min()} to {rows.max()}, but the embeddings have {there} rows. "
            "Give the embeddings of the text as it was before it was filtered."
        )
    return rows


def _encoded(config: EmbedConfig, encoder: EncoderConfig, text: Path) -> Iterator[tuple[int, NDArray[Any]]]:
    model = load_encoder(encoder, config.lang)
    if isinstance(model, FileEncoder):
        with model.encode_file(text) as path:
            yield from Vectors([path], model.dim).blocks(config.batch_size)
        return
    lines = read_lines(text)
    start = 0
    while batch := list(islice(lines, config.batch_size)):
        yield start, model.encode(batch)
        start += len(batch)
