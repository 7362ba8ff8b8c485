from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.merge_indexes import MergeIndexesConfig, merge_indexes
from orepass.tasks.bitext.populate_index import PopulateIndexConfig, populate_index
from orepass.tasks.bitext.train_index import TrainIndexConfig, train_index


@pytest.fixture
def files(save: Any) -> tuple[Path, ...]:
    rows = np.random.default_rng(0).standard_normal((900, 16)).astype(np.float32)
    return tuple(save("x", rows, 4))


def fill(files: tuple[Path, ...], index_type: str) -> tuple[Path, list[Path]]:
    """One index filled at once, and the parts filled shard by shard."""
    trained = train_index(TrainIndexConfig("xx", files, index_type))
    whole = populate_index(PopulateIndexConfig("xx", trained, index_type, files))
    return whole, [populate_index(PopulateIndexConfig("xx", trained, index_type), file) for file in files]


@pytest.mark.parametrize("index_type", ["Flat", "IVF8,Flat", "OPQ4,IVF8,PQ4x4np", "SQ8", "PCA8,IVF8,SQ8"])
def test_merged_parts_are_the_index_filled_at_once(files: tuple[Path, ...], index_type: str) -> None:
    whole, parts = fill(files, index_type)
    assert merge_indexes(MergeIndexesConfig(tuple(parts))).read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("index_type", ["HNSW16", "IVF8,PQ4x4np,RFlat"])
def test_types_that_faiss_cannot_join_are_filled(files: tuple[Path, ...], index_type: str) -> None:
    whole, parts = (faiss.read_index(str(path)) for path in _whole_and_merged(files, index_type))
    assert whole.ntotal == parts.ntotal == 900
    np.testing.assert_allclose(whole.reconstruct(899), parts.reconstruct(899), atol=1e-5)


def _whole_and_merged(files: tuple[Path, ...], index_type: str) -> tuple[Path, Path]:
    whole, parts = fill(files, index_type)
    return whole, merge_indexes(MergeIndexesConfig(tuple(parts)))


def test_one_part_is_linked(files: tuple[Path, ...]) -> None:
    _, parts = fill(files[:1], "Flat")
    assert merge_indexes(MergeIndexesConfig(tuple(parts))).samefile(parts[0])


def test_nothing_to_do(files: tuple[Path, ...]) -> None:
    with pytest.raises(ConfigError, match="merge_indexes has no parts"):
        merge_indexes(MergeIndexesConfig(()))
    trained = train_index(TrainIndexConfig("xx", files))
    with pytest.raises(ConfigError, match="Set embedding_files"):
        populate_index(PopulateIndexConfig("xx", trained))


def test_type_that_takes_no_rows(files: tuple[Path, ...]) -> None:
    trained = train_index(TrainIndexConfig("xx", files, "IDMap,Flat"))
    with pytest.raises(ConfigError, match=r"takes no rows: .*IndexIDMap.*Choose another one"):
        populate_index(PopulateIndexConfig("xx", trained, "IDMap,Flat", files))


def test_rows_of_another_width(files: tuple[Path, ...], save: Any) -> None:
    trained = train_index(TrainIndexConfig("xx", files))
    other = save("other", np.eye(8, dtype=np.float32))
    with pytest.raises(InputError, match=r"other.* has rows of width 8, the index .* was trained for 16"):
        populate_index(PopulateIndexConfig("xx", trained), other[0])


def test_key_of_a_shard_is_its_content_and_the_index(files: tuple[Path, ...]) -> None:
    trained = train_index(TrainIndexConfig("xx", files))
    key = populate_index.config_for_key(PopulateIndexConfig("xx", trained))
    assert populate_index.config_for_key(PopulateIndexConfig("yy", trained, output_dir="x", num_cpu=7)) == key
