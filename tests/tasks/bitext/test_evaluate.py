from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orepass.errors import ConfigError
from orepass.tasks.bitext.evaluate import EvaluateConfig, best_cut, evaluate, f1
from orepass.tasks.bitext.neighbours import Neighbours
from orepass.tasks.bitext.xsim import XsimConfig


@pytest.fixture
def files(tmp_path: Path) -> EvaluateConfig:
    mined = ["1.5\ta\tA", "1.4\tb\tB", "1.4\ta\tA", "1.3\tc\tX", "1.2\td e\tD E"]
    (tmp_path / "pairs.tsv").write_text("".join(f"{line}\n" for line in mined))
    (tmp_path / "gold.tsv").write_text("a\tA\nb\tB\nc\tC\nd\u2028e\tD\x0bE\na\tA\ng\tG\n")
    return EvaluateConfig(tmp_path / "pairs.tsv", tmp_path / "gold.tsv")


def test_counts_each_pair_of_texts_once(files: EvaluateConfig) -> None:
    result = evaluate(files)
    assert (result.pairs, result.gold, result.correct) == (4, 5, 3)
    assert (result.precision, result.recall) == (0.75, 0.6)
    assert result.f1 == pytest.approx(2 / 3)
    assert (result.best_threshold, result.best_f1) == (1.2, pytest.approx(2 / 3))  # the last item
    assert sum(result.histogram_counts) == 5
    assert len(result.histogram_edges) == len(result.histogram_counts) + 1
    assert result.xsim_error_forward is result.xsim_error_backward is None


def test_nothing_mined(files: EvaluateConfig) -> None:
    files.pairs.write_text("")
    result = evaluate(files)
    assert (result.pairs, result.precision, result.recall, result.f1) == (0, 0, 0, 0)
    assert (result.best_threshold, result.best_f1, result.histogram_counts) == (None, 0, ())


@given(st.lists(st.tuples(st.sampled_from([1.0, 1.1, 1.2, 1.3]), st.booleans()), min_size=1), st.integers(0, 5))
def test_best_cut_is_the_best_of_all_thresholds(items: list[tuple[float, bool]], unfound: int) -> None:
    gold = max(sum(hit for _, hit in items) + unfound, 1)
    tried = {cut: f1(sum(h for s, h in items if s >= cut), sum(s >= cut for s, _ in items), gold) for cut, _ in items}
    threshold, best = best_cut(np.array([s for s, _ in items]), np.array([h for _, h in items]), gold)
    assert best == pytest.approx(max(tried.values()))
    assert threshold is not None and tried[threshold] == pytest.approx(best)


@pytest.fixture
def xsim(tmp_path: Path) -> XsimConfig:
    """Four sentences a side; in margins, a, b and c find A, B and D, and d finds nothing."""
    (tmp_path / "src.txt").write_text("a\nb\nc\nd\n")
    (tmp_path / "tgt.txt").write_text("A\nB\nC\nD\n")
    np.save(tmp_path / "fi.npy", np.array([[0], [1], [3], [-1]]))
    np.save(tmp_path / "fs.npy", np.array([[0.9], [0.9], [0.5], [-np.inf]], np.float32))
    np.save(tmp_path / "bi.npy", np.array([[0], [1], [2], [2]]))
    np.save(tmp_path / "bs.npy", np.array([[0.9], [0.9], [0.4], [0.5]], np.float32))
    return XsimConfig(
        forward=(Neighbours(tmp_path / "fi.npy", tmp_path / "fs.npy"),),
        backward=(Neighbours(tmp_path / "bi.npy", tmp_path / "bs.npy"),),
        src_text=(tmp_path / "src.txt",),
        tgt_text=(tmp_path / "tgt.txt",),
        k=1,
    )


def test_xsim_counts_sentences_whose_best_is_not_their_partner(files: EvaluateConfig, xsim: XsimConfig) -> None:
    files.gold.write_text("a\tA\nb\tB\nc\tC\nd\tD\nabsent\tA\n")
    result = evaluate(EvaluateConfig(files.pairs, files.gold, xsim))
    assert (result.xsim_error_forward, result.xsim_error_backward) == (0.5, 0.25)


def test_xsim_of_an_absent_gold_and_an_unknown_margin(files: EvaluateConfig, xsim: XsimConfig) -> None:
    files.gold.write_text("x\tX\n")
    result = evaluate(EvaluateConfig(files.pairs, files.gold, xsim))
    assert result.xsim_error_forward is result.xsim_error_backward is None
    broken = XsimConfig(xsim.forward, xsim.backward, xsim.src_text, xsim.tgt_text, 1, "rate")
    with pytest.raises(ConfigError, match="margin='rate' is unknown"):
        evaluate(EvaluateConfig(files.pairs, files.gold, broken))
