from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brute_force import Rows, by_brute_force, unit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.neighbours import Neighbours, NeighboursConfig, neighbours

per_test_folder_is_fine = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)


def joined(shards: list[Neighbours]) -> tuple[NDArray[np.int64], Rows]:
    return (
        np.concatenate([np.load(shard.ids) for shard in shards]),
        np.concatenate([np.load(shard.scores) for shard in shards]),
    )


def assert_same(found: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


few_directions = arrays(
    np.float32, st.tuples(st.integers(1, 60), st.just(4)), elements=st.sampled_from([-1.0, 0, 1, 2])
)


@given(queries=few_directions, indexed=few_directions, k=st.integers(1, 20), shards=st.integers(1, 7))
@per_test_folder_is_fine
def test_exact_with_ties_duplicates_and_zero_rows(
    save: Any, find: Any, queries: Rows, indexed: Rows, k: int, shards: int
) -> None:
    queries, indexed = unit(queries), unit(indexed)
    found = find(save("q", queries, shards), save("x", indexed, shards), k)
    assert_same(joined(found), by_brute_force(queries, indexed, k))


@pytest.mark.parametrize("dim", [3, 256])
def test_shards_and_threads_change_no_bit(save: Any, find: Any, dim: int) -> None:
    rng = np.random.default_rng(dim)
    indexed = rng.standard_normal((1500, dim)).astype(np.float32)
    indexed[200:700] = indexed[0]  # hundreds of exact duplicates
    indexed[900:910] = 0
    indexed[1000:1200] = indexed[1001] + rng.standard_normal((200, dim)).astype(np.float32) * 1e-7
    queries = np.concatenate([rng.standard_normal((300, dim)), indexed[:50], indexed[1000:1050]])
    queries, indexed = unit(queries.astype(np.float32)), unit(indexed)
    one = joined(find(save("q", queries), save("x", indexed), 16))
    seven = joined(find(save("q", queries, 7), save("x", indexed, 7), 16, num_cpu=3))
    assert_same(one, by_brute_force(queries, indexed, 16))
    assert_same(seven, one)


def test_rows_are_scaled_whoever_wrote_them(save: Any, find: Any) -> None:
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((50, 8)) * 10.0 ** rng.integers(-20, 20, (50, 1))).astype(np.float32)
    found = joined(find(save("q", rows), save("x", rows, 3), 5))
    assert_same(found, by_brute_force(unit(rows), unit(rows), 5))
    np.testing.assert_array_equal(found[0][:, 0], np.arange(50))


def test_k_larger_than_the_corpus_is_masked(save: Any, find: Any) -> None:
    rows = unit(np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32))
    ids, scores = joined(find(save("q", rows), save("x", rows, 2), 16))
    assert ids.shape == scores.shape == (5, 16)
    assert (np.sort(ids[:, :5], axis=1) == np.arange(5)).all()
    assert (ids[:, 5:] == -1).all() and (scores[:, 5:] == -np.inf).all()


@pytest.mark.parametrize(
    ("index_type", "shards"),
    [
        ("IVF16,Flat", 1),
        ("IVF16,Flat", 3),
        ("IVF16,PQ8np", 3),
        ("PCA24,IVF16,PQ12x4fsr", 3),
        ("PQ32x4fs", 1),
        ("HNSW32", 1),
        ("HNSW32", 3),
        ("PQ8np", 3),
        ("IVF16,PQ8np,RFlat", 3),
    ],
)
def test_index_types_that_approximate(save: Any, find: Any, index_type: str, shards: int) -> None:
    rng = np.random.default_rng(2)
    indexed = unit(rng.standard_normal((2000, 32)).astype(np.float32))
    indexed[7] = 0
    queries = unit(indexed[:100] + 0.05 * rng.standard_normal((100, 32)).astype(np.float32))
    queries[3] = 0
    ids, scores = joined(find(save("q", queries), save("x", indexed, shards), 4, index_type))
    real = ids >= 0
    assert not real[3].any() and 7 not in ids
    rows, _ = np.nonzero(real)
    true = np.vecdot(queries[rows].astype(np.float64), indexed[ids[real]].astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(scores[real], true)
    assert (np.diff(scores[np.arange(100) != 3], axis=1) <= 0).all()
    mates = np.setdiff1d(np.arange(100), [3, 7])
    assert (ids[mates, 0] == mates).mean() > 0.9


@pytest.mark.parametrize("index_type", ["IVF16,Flat", "IVF16,PQ16x4fsr", "IVF16,SQ8"])
def test_shards_of_an_inverted_file_change_no_bit(save: Any, find: Any, index_type: str) -> None:
    rows = np.random.default_rng(4).standard_normal((900, 32)).astype(np.float32)
    rows[100:400] = rows[0]
    one = joined(find(save("q", rows[::3]), save("x", rows), 16, index_type))
    seven = joined(find(save("q", rows[::3], 7), save("x", rows, 7), 16, index_type, num_cpu=2))
    assert_same(seven, one)


def test_index_of_other_embeddings_is_an_error(save: Any, build_index: Any) -> None:
    rng = np.random.default_rng(3)
    right = save("right", rng.standard_normal((40, 8)).astype(np.float32))
    other = save("other", rng.standard_normal((40, 8)).astype(np.float32))
    shorter = save("shorter", rng.standard_normal((39, 8)).astype(np.float32))
    config = NeighboursConfig(build_index(right), tuple(other), 4)
    with pytest.raises(InputError, match="do not belong together"):
        neighbours(config, right[0])
    with pytest.raises(InputError, match="The index has 40 rows of width 8, the embeddings have 39 of width 8"):
        neighbours(replace(config, embeddings=tuple(shorter)), right[0])


def test_query_of_another_width_is_an_error(save: Any, build_index: Any) -> None:
    indexed, query = save("x", np.eye(8, dtype=np.float32)), save("q", np.eye(4, dtype=np.float32))
    with pytest.raises(InputError, match=r"q\.1\.0\.npy' has rows of width 4, not 8"):
        neighbours(NeighboursConfig(build_index(indexed), tuple(indexed), 4), query[0])


@pytest.mark.parametrize("option", ["k", "nprobe", "num_cpu"])
def test_numbers_below_one_are_an_error(save: Any, build_index: Any, option: str) -> None:
    files = save("x", np.eye(8, dtype=np.float32))
    config = replace(NeighboursConfig(build_index(files), tuple(files)), **{option: 0})
    with pytest.raises(ConfigError, match=f"{option}=0 must be at least 1"):
        neighbours(config, files[0])


def test_index_that_is_cut_off_or_missing_is_an_error(save: Any, build_index: Any, tmp_path: Path) -> None:
    files = save("x", np.eye(8, dtype=np.float32))
    index = build_index(files)
    index.write_bytes(index.read_bytes()[:100])
    for path in (index, tmp_path / "none"):
        with pytest.raises(InputError, match="is not a whole FAISS index"):
            neighbours(NeighboursConfig(path, tuple(files)), files[0])


def test_lists_that_are_missing_are_an_error(save: Any, build_index: Any) -> None:
    files = save("x", np.random.default_rng(5).standard_normal((90, 8)).astype(np.float32), 3)
    index = build_index(files, "IVF2,Flat")
    (index / "lists.ivfdata").unlink()
    with pytest.raises(InputError, match="is not a whole FAISS index"):
        neighbours(NeighboursConfig(index, tuple(files)), files[0])
