from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.vectors import Vectors

EYE = np.eye(4, dtype=np.float32)


def test_shards_and_kinds_of_file_are_one_matrix(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((10, 4)).astype(np.float16)
    np.save(tmp_path / "a.npy", rows[:3])
    rows[3:7].astype(np.float32).tofile(tmp_path / "b.bin")
    np.save(tmp_path / "c.npy", rows[7:].astype(np.float32))
    vectors = Vectors([tmp_path / "a.npy", tmp_path / "b.bin", tmp_path / "c.npy"])
    assert (len(vectors), vectors.dim) == (10, 4)
    every = vectors.rows(np.arange(10))
    np.testing.assert_allclose(np.linalg.norm(every, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors.rows(np.array([9, 0, 4, 4])), every[[9, 0, 4, 4]])
    blocks = list(vectors.blocks(2))
    assert [first for first, _ in blocks] == [0, 2, 3, 5, 7, 9]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), every)


def test_scaling_twice_changes_nothing(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).standard_normal((500, 64)).astype(np.float32)
    np.save(tmp_path / "raw.npy", rows)
    once = Vectors([tmp_path / "raw.npy"]).rows(np.arange(500)).astype(np.float32)
    np.save(tmp_path / "once.npy", once)
    np.testing.assert_array_equal(Vectors([tmp_path / "once.npy"]).rows(np.arange(500)), once)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_names_file_and_row(tmp_path: Path, value: float) -> None:
    np.save(tmp_path / "good.npy", EYE)
    np.save(tmp_path / "bad.npy", np.where([[0], [0], [1], [0]], np.float32(value), EYE))
    vectors = Vectors([tmp_path / "good.npy", tmp_path / "bad.npy"])
    with pytest.raises(InputError, match=r"bad\.npy', row 2 \(from 0\): NaN or infinity"):
        list(vectors.blocks(3))
    with pytest.raises(InputError, match=r"bad\.npy', row 2 "):
        vectors.rows(np.array([1, 6]))


def test_other_widths(tmp_path: Path) -> None:
    np.save(tmp_path / "four.npy", EYE)
    np.save(tmp_path / "three.npy", EYE[:, :3])
    with pytest.raises(InputError, match=r"three\.npy' has rows of width 3, not 4"):
        Vectors([tmp_path / "four.npy", tmp_path / "three.npy"])
    with pytest.raises(InputError, match=r"four\.npy' has rows of width 4, not 1024"):
        Vectors([tmp_path / "four.npy"], 1024)


def test_raw_files_need_a_width_that_fits(tmp_path: Path) -> None:
    EYE.tofile(tmp_path / "raw.bin")
    assert len(Vectors([tmp_path / "raw.bin"], 4)) == 4
    with pytest.raises(InputError, match="Set embedding_dimensions"):
        Vectors([tmp_path / "raw.bin"])
    with pytest.raises(InputError, match="64 bytes, not a multiple of a row of 5 float32 values"):
        Vectors([tmp_path / "raw.bin"], 5)
    (tmp_path / "raw.bin").write_bytes(b"")
    with pytest.raises(InputError, match="0 bytes"):
        Vectors([tmp_path / "raw.bin"], 4)


def test_raw_files_in_half_precision(tmp_path: Path) -> None:
    EYE.astype(np.float16).tofile(tmp_path / "half.bin")
    np.testing.assert_array_equal(Vectors([tmp_path / "half.bin"], 4, "float16").rows(np.arange(4)), EYE)
    with pytest.raises(ConfigError, match=r"'float61'.*Did you mean 'float16'\? Valid: float16, float32"):
        Vectors([tmp_path / "half.bin"], 4, "float61")


@pytest.mark.parametrize(
    "rows", [EYE.astype(np.float64), EYE.astype(np.int8), EYE[0], EYE.reshape(2, 2, 4), np.asfortranarray(EYE + 1)]
)
def test_other_types_and_shapes(tmp_path: Path, rows: np.ndarray) -> None:
    np.save(tmp_path / "odd.npy", rows)
    with pytest.raises(InputError, match="Embeddings are float32 or float16, one row a sentence, in C order"):
        Vectors([tmp_path / "odd.npy"])


def test_missing_empty_truncated_or_pickled(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    with pytest.raises(InputError, match=r"No embeddings at .*x\.npy"):
        Vectors([path])
    with pytest.raises(InputError, match="No embedding files"):
        Vectors([])
    np.save(path, EYE[:0])
    with pytest.raises(InputError, match=r"is empty \(shape \(0, 4\)\)"):
        Vectors([path])
    np.save(path, EYE)
    whole = path.read_bytes()
    for data in (whole[:-1], whole[:20], b""):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"is not a whole \.npy file"):
            Vectors([path])
    np.save(path, np.array([{}]), allow_pickle=True)
    with pytest.raises(InputError, match=r"is not a whole \.npy file"):
        Vectors([path])
