from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from orepass.flows._mining_page import report_page
from orepass.flows._mining_report import MiningResult
from orepass.tasks.bitext.write_pairs import Example, WrittenPairs

VOID = {"meta", "rect", "line"}


class Checker(HTMLParser):
    """Fails at a tag that is not closed, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        assert tag in VOID

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page(histogram: tuple[tuple[int, ...], tuple[float, ...]], *examples: Example, threshold: float = 1.1) -> str:
    counts = {"read": 1200}
    result = MiningResult(
        (Path("pairs.tsv"),), (), Path("report.json"), "<news>", ("en", "he"), (counts, counts),
        (1000, 1000), threshold, 7, histogram, None, (),
    )  # fmt: skip
    written = WrittenPairs((), (), examples, examples, examples)
    text = report_page(result, [("F1 & more", "0.5")], written)
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return text


def test_shows_counts_scores_and_examples_and_escapes_them() -> None:
    text = page(((1, 4, 0), (1.0, 1.1, 1.2, 1.3)), Example(1.15, "<script>alert(1)</script>", "שלום & <b>"))
    assert "<script>" not in text and "<news>" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3
    for shown in (
        "&lt;news&gt; en-he",
        "1,200",
        "1,000",
        "F1 &amp; more",
        "1.1500",
        "שלום &amp; &lt;b&gt;",
        "threshold 1.1",
    ):
        assert shown in text
    assert len(re.findall(r'<rect class="mined"', text)) == 2
    assert not re.search(r'(src|href)="|url\(', text)  # nothing from elsewhere


def test_without_candidates_and_with_a_threshold_beyond_them() -> None:
    assert "There are no candidates." in page(((), ()))
    assert 'class="mined"' not in page(((1, 2), (1.0, 1.1, 1.2)), threshold=9.0)
