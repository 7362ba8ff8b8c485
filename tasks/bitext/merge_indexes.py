"""The step that makes one index of the filled parts of a language."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import faiss

from orepass import module, progress, workdir
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.tasks.bitext.faiss_index import faiss_words, inverted_file, load_index, save_index


@dataclass(frozen=True)
class MergeIndexesConfig(Config):
    """What is merged.

    Attributes:
        parts: filled copies of one trained index, shard by shard in order.
    """

    parts: tuple[Path, ...]


@module(version="1")
def merge_indexes(config: MergeIndexesConfig) -> Path:
    """Merge the parts in order, so that a row's id is its number over all shards.

    Main memory holds the merged index and one part.

    Returns:
        The file of the merged index; of a single part it is a hard link where the file system can.

    Raises:
        ConfigError: no parts, or parts of a type that can be neither merged nor read back.
        InputError: a file that cannot be read.
    """
    if not config.parts:
        raise ConfigError("merge_indexes has no parts. Give the filled index of every shard.")
    path = workdir() / "merged.index"
    if len(config.parts) == 1:
        return _link(config.parts[0], path)
    merged = load_index(config.parts[0])
    with progress(len(config.parts), "merge indexes", unit="parts") as advance:
        advance(1)
        for part in config.parts[1:]:
            _add(merged, load_index(part), part)
            advance(1)
    return save_index(merged, path)


def _add(merged: faiss.Index, part: faiss.Index, path: Path) -> None:
    # An inverted file stores ids, which must be moved; every other index numbers its rows by their place.
    offset = 0 if inverted_file(merged) is None else merged.ntotal
    try:
        try:
            merged.check_compatible_for_merge(part)
        except RuntimeError:
            # Graphs and refining indexes cannot be joined, but filled: neighbours are scored with the true
            # vectors afterwards, so rows that come back rounded only make the search a little rougher.
            merged.add(part.reconstruct_n(0, part.ntotal))
        else:
            merged.merge_from(part, offset)
    except RuntimeError as error:
        raise ConfigError(
            f"{str(path)!r} cannot be merged with the other parts: {faiss_words(error)}. Choose another "
            "index_type, or fill one index from all shards."
        ) from error


def _link(source: Path, target: Path) -> Path:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target
