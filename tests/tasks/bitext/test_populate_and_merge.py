from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.faiss_index import inverted_file, load_index
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


@pytest.mark.parametrize("index_type", ["Flat", "SQ8", "PQ4x4fs"])
def test_merged_parts_are_the_index_filled_at_once(files: tuple[Path, ...], index_type: str) -> None:
    whole, parts = fill(files, index_type)
    assert merge_indexes(MergeIndexesConfig(tuple(parts))).read_bytes() == whole.read_bytes()


INVERTED = ["IVF8,Flat", "IVF8,PQ4x4fsr", "PCA8,IVF8,SQ8"]


@pytest.mark.parametrize("index_type", INVERTED)
def test_lists_are_merged_on_disk(files: tuple[Path, ...], index_type: str, tmp_path: Path) -> None:
    whole, parts = fill(files, index_type)
    merged = merge_indexes(MergeIndexesConfig(tuple(parts)))
    again = merge_indexes(MergeIndexesConfig(tuple(parts)))
    for file in merged.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()
    assert_same_lists(merged.rename(tmp_path / "moved"), whole)


@pytest.mark.parametrize("index_type", INVERTED)
def test_a_shard_larger_than_memory_is_filled_in_pieces(files: tuple[Path, ...], index_type: str) -> None:
    trained = train_index(TrainIndexConfig("xx", files, index_type))
    small, large = (
        populate_index(PopulateIndexConfig("xx", trained, index_type, files, mem_gb=mem_gb)) for mem_gb in (2e-5, 2)
    )
    assert small.is_dir() and large.is_file()
    assert {file.name for file in small.iterdir()} == {"main.index", "lists.ivfdata"}
    assert sorted(path.name for path in small.parent.iterdir()) == ["populated.index"]
    assert_same_lists(small, large)
    twice = merge_indexes(MergeIndexesConfig((small, large)))
    assert load_index(twice).ntotal == 1800
    one = merge_indexes(MergeIndexesConfig((small,)))
    assert_same_lists(one, large)
    assert (one / "lists.ivfdata").samefile(small / "lists.ivfdata")


def assert_same_lists(found: Path, expected: Path) -> None:
    one, two = load_index(found), load_index(expected)
    first, second = inverted_file(one), inverted_file(two)
    assert first is not None and second is not None
    assert one.ntotal == two.ntotal == first.ntotal
    for number in range(first.nlist):
        assert _entries(first, number) == _entries(second, number)


def _entries(file: Any, number: int) -> tuple[bytes, bytes]:
    """The ids and codes of a list."""
    lists, size = file.invlists, file.invlists.list_size(number)
    if not size:
        return b"", b""
    codes = faiss.rev_swig_ptr(lists.get_codes(number), size * file.code_size)
    return faiss.rev_swig_ptr(lists.get_ids(number), size).tobytes(), codes.tobytes()


@pytest.mark.parametrize("index_type", ["HNSW16", "IVF8,PQ4x4np,RFlat"])
def test_types_that_faiss_cannot_join_are_filled(files: tuple[Path, ...], index_type: str) -> None:
    whole, parts = (faiss.read_index(str(path)) for path in _whole_and_merged(files, index_type))
    assert whole.ntotal == parts.ntotal == 900
    np.testing.assert_allclose(whole.reconstruct(899), parts.reconstruct(899), atol=1e-5)


def _whole_and_merged(files: tuple[Path, ...], index_type: str) -> tuple[Path, Path]:
    whole, parts = fill(files, index_type)
    return whole, merge_indexes(MergeIndexesConfig(tuple(parts)))


def test_packed_lists_are_not_joined(files: tuple[Path, ...]) -> None:
    _, parts = fill(files, "IVF8,RQ4x4fs")
    with pytest.raises(ConfigError, match=r"cannot be merged .*beyond its memory\. Choose another index_type"):
        merge_indexes(MergeIndexesConfig(tuple(parts)))


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
