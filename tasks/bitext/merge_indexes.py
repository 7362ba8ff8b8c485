"""The step that makes one index of the filled parts of a language."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import faiss

from orepass import Requirements, module, progress, workdir
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.pipelines import Input
from orepass.tasks.bitext.faiss_index import faiss_words, inverted_file, load_index, save_index, streams
from orepass.tasks.bitext.on_disk import merge_on_disk


@dataclass(frozen=True)
class MergeIndexesConfig(Config):
    """What is merged.

    Attributes:
        parts: filled copies of one trained index, shard by shard in order.
        mem_gb: GiB that the step asks for.
    """

    parts: Input[tuple[Path, ...]]
    mem_gb: float = 2.0


@module(
    version="2",
    requires=lambda config: Requirements(mem_gb=config.mem_gb),
    config_for_cache=lambda config: {"parts": config.parts},
)
def merge_indexes(config: MergeIndexesConfig) -> Path:
    """Merge the parts in order, so that a row's id is its number over all shards.

    The lists of an inverted file stay on disk, fast-scan types excepted; of all others, main memory holds the merged
    index and one part.

    Returns:
        The merged index: a file, or a folder where its lists are a file of their own. A single part is given back as
        hard links, where the file system can.

    Raises:
        ConfigError: no parts, or parts of a type that can be neither merged nor read back.
        InputError: a file that cannot be read.
    """
    if not config.parts:
        raise ConfigError("merge_indexes has no parts. Give the filled index of every shard.")
    path = workdir() / "merged.index"
    if len(config.parts) == 1:
        return _link(config.parts[0], path)
    if streams(load_index(config.parts[0])):
        return _merged_on_disk(config.parts, path)
    return save_index(_merged(config.parts), path)


def _merged_on_disk(parts: tuple[Path, ...], folder: Path) -> Path:
    try:
        return merge_on_disk(parts, folder)
    except RuntimeError as error:
        raise ConfigError(
            f"The indexes {str(parts[0])!r} and others cannot be merged: {faiss_words(error)}. Fill copies of one "
            "trained index."
        ) from error


def _merged(parts: tuple[Path, ...]) -> faiss.Index:
    merged = load_index(parts[0], writable=True)
    with progress(len(parts), "merge indexes", unit="parts") as advance:
        advance(1)
        for part in parts[1:]:
            _add(merged, load_index(part, writable=True), part)
            advance(1)
    return merged


def _add(merged: faiss.Index, part: faiss.Index, path: Path) -> None:
    # An inverted file stores ids, which must be moved; every other index numbers its rows by their place.
    offset = 0 if inverted_file(merged) is None else merged.ntotal
    try:
        if isinstance(merged, faiss.IndexIVFFastScan):
            raise RuntimeError("joining packed lists, FAISS writes beyond its memory")  # 1.15
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


def _link(source: Path | str, target: Path | str) -> Path:
    source, target = Path(source), Path(target)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link)
        return target
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target
