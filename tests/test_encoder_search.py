"""The experiment of docs/encoder-search.md, on made-up catalogs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogs_of_tests import write_catalog

import orepass
from orepass import Store
from orepass.runnables import read_documents
from orepass.runnables.experiment import experiment_of

DOCS = Path(__file__).parent.parent / "docs"
DOCUMENT = (DOCS / "encoder-search/encoder_search.yaml").read_text()
SMALLER = {
    "[fr, de, es, pl]": "[fr]",
    "held_out: [": "held_out: [held_*, ",
    "withheld: [django]": "withheld: []",
    "epochs: 0.3": "epochs: 4\n    dim: 16\n    ngrams: 200\n    batch: 50\n    group: 25",
    "epochs: 3\n": "epochs: 8\n    dim: !grid [16, 15]\n    ngrams: 200\n    batch: 50\n    group: 25\n",
    "trials: 9": "trials: 3",
}


@pytest.fixture
def catalogs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Packages to train on, which are the resource of the run, and a folder `demo` to mine."""
    for seed, (name, messages) in enumerate((("packages/trained_1", 300), ("packages/held_1", 150), ("demo", 150))):
        write_catalog(tmp_path / name, messages, seed)
    monkeypatch.syspath_prepend(DOCS / "encoder-search/extension")
    before = orepass.get_env()
    orepass.set_env(resources={"packages": tmp_path / "packages"})
    yield tmp_path
    orepass.set_env(env=before)
    sys.modules.pop("encoder_search", None)


async def test_from_catalogs_to_a_mined_demo(api: str, store: Store, catalogs: Path) -> None:
    pytest.importorskip("torch", reason='training needs torch: pip install "orepass[train]"')
    text = re.sub(r"^  shipped_demo:.*(?=^algorithm:)", "", DOCUMENT, flags=re.DOTALL | re.MULTILINE)
    for large, small in {**SMALLER, "launcher=debug]": f"launcher=debug, demo.source={catalogs / 'demo'}]"}.items():
        assert large in text
        text = text.replace(large, small)
    experiment = experiment_of(read_documents(text).root, allow=["encoder_search"])
    result = await experiment.schedule(allow=["encoder_search"])
    assert [(one.stage, one.params["dim"]) for one in result.failed] == [("longer", 15)] * 2
    assert "dim=15 is odd" in str(result.failed[0].error)
    assert [one.kept for one in result.of("train")].count(True) == 2
    (trained,), (shipped,) = result.ranked("longer")[:1], result.ranked("shipped")
    assert trained.metric is not None and shipped.metric is not None and trained.metric < shipped.metric
    (demo,) = result.of("demo")
    assert demo.ancestors["longer"] is trained
    assert demo.metric is not None and demo.metric > 0.5


def test_the_page_shows_the_document() -> None:
    assert f"```yaml\n{DOCUMENT}```" in (DOCS / "encoder-search.md").read_text()
