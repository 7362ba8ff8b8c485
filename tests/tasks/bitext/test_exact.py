from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brute_force import Rows, all_cosines, by_brute_force, unit
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orepass.errors import ConfigError
from orepass.progress_reports import Progress, listening
from orepass.tasks.bitext import candidates as candidates_module
from orepass.tasks.bitext.candidates import Candidates, candidates
from orepass.tasks.bitext.exact import both_ways
from orepass.tasks.bitext.product_choice import choose_product, has_bfloat16, warning_of
from orepass.tasks.bitext.products import Bfloat16Product, NumpyProduct, TorchProduct
from orepass.tasks.bitext.slices import cut


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Any:
    """Blocks of a few rows, so that small matrices have many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates_module, "BLOCK_BYTES", 96 * 4 * 16)
        patch.setattr(candidates_module, "COLUMNS", 96)
        yield


@pytest.fixture(params=["float32", "bfloat16"])
def product(request: pytest.FixtureRequest) -> str:
    if request.param == "bfloat16":
        pytest.importorskip("torch", reason="the product in bfloat16 is made by torch (extra [encoders])")
    return str(request.param)


def assert_exact(src: Rows, tgt: Rows, k: int, product: str, threads: int) -> None:
    forward, backward = both_ways(src, tgt, k, product, threads)
    for found, expected in ((forward, by_brute_force(src, tgt, k)), (backward, by_brute_force(tgt, src, k))):
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


few_directions = arrays(
    np.float32, st.tuples(st.integers(1, 120), st.just(3)), elements=st.sampled_from([-1.0, 0, 1, 2])
)


@given(src=few_directions, tgt=few_directions, k=st.integers(1, 20), threads=st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_ties_duplicates_and_zero_rows(src: Rows, tgt: Rows, k: int, threads: int) -> None:
    assert_exact(unit(src), unit(tgt), k, "float32", threads)


@pytest.mark.parametrize("dim", [5, 256])
def test_near_ties_and_hundreds_of_duplicates(product: str, dim: int, caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(dim)
    src, tgt = rng.standard_normal((300, dim)), rng.standard_normal((700, dim))
    tgt[100:300] = src[0]
    tgt[400:500] = src[1] + rng.standard_normal((100, dim)) * 1e-7
    tgt[500:510] = 0
    src[200:210] = 0
    told: list[Progress] = []
    with caplog.at_level(logging.INFO), listening(told.append):
        assert_exact(unit(src), unit(tgt), 16, product, 2)
    assert "searched again" in caplog.text
    assert all(state.done == state.total > 0 and "sentences again" in state.what for state in told) and told


def test_a_zero_row_takes_nobodys_place() -> None:
    tgt = np.array([[1, 0], [0, 0], [-1, 0]], np.float32)
    (ids, scores), _ = both_ways(tgt[:1], tgt, 2)
    assert (ids.tolist(), scores.tolist()) == ([[0, 2]], [[1, -1]])


def make_candidates(kind: str, src: Rows, tgt: Rows, count: int) -> tuple[Candidates, Candidates]:
    if kind == "numpy":
        return candidates(NumpyProduct(src, tgt), count, 2, lambda rows: None)
    pytest.importorskip("torch", reason="made by torch (extra [encoders])")
    if kind == "float16":  # what a CUDA device does, here on the processor
        from orepass.tasks.bitext.candidates_cuda import candidates_cuda

        return candidates_cuda(src, tgt, count, lambda rows: None, "cpu")
    return candidates({"torch": TorchProduct, "bfloat16": Bfloat16Product}[kind](src, tgt), count, 2, lambda rows: None)


@pytest.mark.parametrize("kind", ["numpy", "torch", "bfloat16", "float16"])
def test_candidates_keep_what_they_promise(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    src = unit(rng.standard_normal((150, 24)))
    tgt = unit(np.concatenate([src[:100] + rng.standard_normal((100, 24)) * 0.1, -src[:60], src[:40]]))
    if kind == "float16":
        pytest.importorskip("torch")
        from orepass.tasks.bitext import candidates_cuda

        monkeypatch.setattr(candidates_cuda, "_ROWS", 40)
        monkeypatch.setattr(candidates_cuda, "_COLUMNS", 70)
    for found, cosines in zip(
        make_candidates(kind, src, tgt, 20), (all_cosines(src, tgt), all_cosines(tgt, src)), strict=True
    ):
        assert found.ids.shape == (len(cosines), 20)
        assert all(len(set(row)) == 20 for row in found.ids.tolist())
        true = np.take_along_axis(cosines, found.ids.astype(np.int64), axis=1)
        assert (found.at_least(found.scores) <= true).all() and (true <= found.at_most(found.scores)).all()
        others = cosines.copy()
        np.put_along_axis(others, found.ids.astype(np.int64), -np.inf, axis=1)
        assert (others.max(axis=1) <= found.at_most(found.scores.min(axis=1))).all()


def test_progress_counts_the_rows_of_the_source() -> None:
    rows = unit(np.random.default_rng(0).standard_normal((50, 4)))
    told: list[int] = []
    both_ways(rows, rows, 3, advance=told.append)
    assert sum(told) == 50 and len(told) > 1


def test_a_product_is_chosen() -> None:
    assert choose_product("float32", 1e15) == choose_product("auto", 1.0) == "float32"
    with pytest.raises(ConfigError, match=r"product='bfloat61' is unknown\. Did you mean 'bfloat16'"):
        choose_product("bfloat61", 1.0)
    pytest.importorskip("torch")
    assert choose_product("bfloat16", 1.0) == "bfloat16"
    assert choose_product("auto", 1e15) == ("bfloat16" if has_bfloat16() else "float32")


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no instruction for bfloat16")
def test_a_tile_of_what_is_worth_bfloat16_is_worth_it_too() -> None:
    pytest.importorskip("torch")
    for sentences in (50_000, 100_000, 1_000_000):
        most = max(piece.rows for piece in cut([Path("all.npy")], [sentences]))
        assert choose_product("auto", sentences**2 * 256.0) == choose_product("auto", most**2 * 256.0) == "bfloat16"


def test_a_product_that_the_processor_is_slow_in_is_said() -> None:
    assert warning_of("float32") is warning_of("cuda") is None
    if has_bfloat16():
        assert warning_of("bfloat16") is None
    else:
        assert "this processor has no instruction for it" in str(warning_of("bfloat16"))


def test_a_gpu_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    assert choose_product("float32", 1e15, gpu=True) == "float32"
    assert "torch sees no CUDA device" in caplog.text
