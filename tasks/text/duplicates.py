"""The steps that leave one of each sentence of a language, and count how often it was there.

Every shard is hashed on its own, to 128 bits a sentence, which no two different sentences share in practice; the
hashes of all shards are compared, in parts that bound the memory; then every shard is filtered on its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from orepass import module, workdir
from orepass.config import Config
from orepass.pipelines import Input
from orepass.tasks.text.lines import read_whole_lines
from orepass.tasks.text.prepared import Piece, PreparedText, read_prepared, write_prepared
from orepass.tasks.text.tables import COUNT

_log = logging.getLogger(__name__)
_AT_ONCE = 1 << 23
"""Sentences whose hashes are compared at a time, in some 60 bytes each."""


@module(version="1")
def hash_lines(config: None, element: Path) -> Path:
    """Hash the lines of a prepared text with xxh3: `.npy`, uint64 (lines, 2)."""
    batches = (raw.removesuffix(b"\n").split(b"\n") for raw in read_whole_lines(element))
    hashes = [b"".join(map(xxhash.xxh3_128_digest, lines)) for lines in batches]
    path = workdir() / "hashes.npy"
    np.save(path, np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, 2))
    return path


@dataclass(frozen=True)
class DuplicatesConfig(Config):
    """What is compared.

    Attributes:
        hashes: what `hash_lines` gave for every shard of a language.
    """

    hashes: Input[tuple[Path, ...]]


@module(version="1")
def count_duplicates(config: DuplicatesConfig) -> tuple[Path, ...]:
    """Count how often each sentence is there over all shards.

    Returns:
        For every shard `.npy`, uint32 (lines,): the count at the first place of a sentence, 0 at the others.
    """
    hashes = [np.load(path, mmap_mode="r") for path in config.hashes]
    starts = np.cumsum([0, *map(len, hashes)])
    counts = np.lib.format.open_memmap(workdir() / "all.npy", "w+", np.uint32, (int(starts[-1]),))
    parts = -(-len(counts) // _AT_ONCE)
    for part in range(parts):
        _count_part(hashes, starts, counts, parts, part)
    _log.info("%d sentences, %d different ones", len(counts), np.count_nonzero(counts))
    paths = tuple(workdir() / f"counts.{number}.npy" for number in range(len(hashes)))
    for path, start, end in zip(paths, starts[:-1], starts[1:], strict=True):
        np.save(path, counts[start:end])
    (workdir() / "all.npy").unlink()
    return paths


def _count_part(
    hashes: Sequence[NDArray[np.uint64]],
    starts: NDArray[np.int64],
    counts: NDArray[np.uint32],
    parts: int,
    part: int,
) -> None:
    """Count the sentences whose hash falls into one part."""
    here = [np.flatnonzero(shard[:, 0] % parts == part) for shard in hashes]
    rows = np.concatenate([start + inside for start, inside in zip(starts, here, strict=False)])
    keys = np.concatenate([shard[inside] for shard, inside in zip(hashes, here, strict=True)])
    order = np.argsort(keys[:, 0])
    differ = np.diff(keys[order], axis=0) != 0
    if (differ[:, 1] & ~differ[:, 0]).any():  # half a hash in common: then the other half has to be sorted, too
        order = np.lexsort(keys.T)
        differ = np.diff(keys[order], axis=0) != 0
    first = np.ones(len(keys), np.bool_)
    first[1:] = differ.any(axis=1)
    places = np.flatnonzero(first)
    counts[rows[np.minimum.reduceat(order, places)]] = np.diff(places, append=len(keys))


@dataclass(frozen=True)
class CountedText:
    """A shard, and its counts by `count_duplicates`."""

    part: PreparedText
    counts: Path


@module(version="1")
def drop_duplicates(config: None, element: CountedText) -> PreparedText:
    """Keep the first of each sentence of one shard, with its count as the carried column `count`."""
    return write_prepared("kept", _first_ones(element))


def _first_ones(element: CountedText) -> Iterator[Piece]:
    counts = np.load(element.counts, mmap_mode="r")
    start = 0
    for piece in read_prepared(element.part):
        here = counts[start : start + len(piece.lines)]
        start += len(piece.lines)
        kept = piece.keep(here > 0)
        count = pa.array(here[here > 0])
        columns = pa.table({COUNT: count}) if kept.columns is None else kept.columns.append_column(COUNT, count)
        yield kept._replace(columns=columns)
