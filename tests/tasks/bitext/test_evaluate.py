from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.evaluate import EvaluateConfig, best_cut, evaluate
from orepass.tasks.bitext.margin import PAIR
from orepass.tasks.bitext.neighbours import Neighbours


@pytest.fixture
def config(tmp_path: Path) -> EvaluateConfig:
    """Five sentences a side, `a` and `A` twice; in margins, a, b and c find A, B and X, and the others nothing."""
    (tmp_path / "src.txt").write_text("a\nb\nc\nd\u2028e\na\n")
    (tmp_path / "tgt.txt").write_text("A\nB\nX\nD\x0bE\nA\n")
    (tmp_path / "gold.tsv").write_text("a\tA\nb\tB\nc\tC\nd e\tD\x1cE\na\tA\ng\tG\n")
    candidates = [(0, 0, 1.5, 3), (1, 1, 1.4, 3), (4, 4, 1.4, 3), (2, 2, 1.3, 3), (3, 3, 1.2, 3)]
    np.save(tmp_path / "candidates.npy", np.array(candidates, PAIR))
    np.save(tmp_path / "ids.npy", np.array([[0], [1], [2], [-1], [-1]]))
    np.save(tmp_path / "scores.npy", np.array([[0.9], [0.9], [0.5], [-np.inf], [-np.inf]], np.float32))
    found = (Neighbours(tmp_path / "ids.npy", tmp_path / "scores.npy"),)
    text = ((tmp_path / "src.txt",), (tmp_path / "tgt.txt",))
    return EvaluateConfig(tmp_path / "candidates.npy", 5, tmp_path / "gold.tsv", *text, found, found, k=1)


def test_counts_each_pair_of_texts_once(config: EvaluateConfig) -> None:
    result = evaluate(config)
    assert (result.pairs, result.gold, result.correct) == (4, 5, 3)
    assert (result.precision, result.recall) == (0.75, 0.6)
    assert result.f1 == pytest.approx(2 / 3)
    assert result.best_threshold == pytest.approx(1.2)  # the last item
    assert (result.best_precision, result.best_recall, result.best_f1) == (0.75, 0.6, result.f1)


def test_the_best_threshold_may_be_below_the_one_that_was_used(config: EvaluateConfig) -> None:
    result = evaluate(replace(config, count=1))
    assert (result.pairs, result.precision, result.recall) == (1, 1, 0.2)
    assert result.best_threshold == pytest.approx(1.2)
    np.save(config.candidates, np.array([(0, 0, 1.5, 3), (1, 1, 1.4, 3), (2, 0, 1.3, 3)], PAIR))
    result = evaluate(replace(config, count=3))  # ... or above
    assert (result.best_precision, result.best_recall) == (1, 0.4)
    assert result.best_threshold == pytest.approx(1.4) and result.best_f1 > result.f1


def test_nothing_mined(config: EvaluateConfig) -> None:
    result = evaluate(replace(config, count=0))
    assert (result.pairs, result.precision, result.recall, result.f1) == (0, 0, 0, 0)
    assert result.best_f1 > 0
    np.save(config.candidates, np.empty(0, PAIR))
    result = evaluate(replace(config, count=0))
    assert (result.best_threshold, result.best_f1) == (None, 0)


@given(st.lists(st.tuples(st.sampled_from([1.0, 1.1, 1.2, 1.3]), st.booleans()), min_size=1), st.integers(0, 5))
def test_best_cut_is_the_best_of_all_thresholds(items: list[tuple[float, bool]], unfound: int) -> None:
    items.sort(reverse=True)
    gold = max(sum(hit for _, hit in items) + unfound, 1)

    def f1(cut: float) -> float:
        kept = [hit for score, hit in items if score >= cut]
        return 2 * sum(kept) / (len(kept) + gold)

    count = best_cut(np.array([score for score, _ in items]), np.cumsum([hit for _, hit in items]), gold)
    assert f1(items[count - 1][0]) == pytest.approx(max(f1(score) for score, _ in items))
    assert count == len(items) or items[count][0] < items[count - 1][0]


def test_xsim_counts_sentences_whose_best_is_not_their_partner(config: EvaluateConfig) -> None:
    config.gold.write_text("a\tA\nb\tB\nc\tD E\nabsent\tA\n")
    result = evaluate(config)
    assert result.xsim_error_forward == pytest.approx(1 / 3)  # c finds X
    assert result.xsim_error_backward == pytest.approx(1 / 3)  # D E finds nothing
    config.gold.write_text("a\tB\na\tA\nb\tA\n")  # one of several translations is enough
    result = evaluate(config)
    assert (result.xsim_error_forward, result.xsim_error_backward) == (0.5, 0.5)


def test_xsim_of_an_absent_gold_and_an_unknown_margin(config: EvaluateConfig) -> None:
    config.gold.write_text("x\tX\n")
    result = evaluate(config)
    assert result.xsim_error_forward is result.xsim_error_backward is None
    with pytest.raises(ConfigError, match="margin='rate' is unknown"):
        evaluate(replace(config, margin="rate"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("a\tb\na b\n", r"gold\.tsv', line 2: 1 fields. Gold pairs are source<TAB>"), ("", "is empty")],
)
def test_gold_of_another_form(config: EvaluateConfig, text: str, message: str) -> None:
    config.gold.write_text(text)
    with pytest.raises(InputError, match=message):
        evaluate(config)
