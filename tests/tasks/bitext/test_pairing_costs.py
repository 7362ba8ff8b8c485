from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orepass import Requirements
from orepass.tasks.bitext.cost_model import Size
from orepass.tasks.bitext.evaluate import EvaluateConfig, evaluate
from orepass.tasks.bitext.margin import RETRIEVALS
from orepass.tasks.bitext.mine_pairs import MinePairsConfig, mine_pairs
from orepass.tasks.bitext.pairing_costs import carried_bytes, evaluate_cost, mine_cost, most_pairs, write_cost
from orepass.tasks.bitext.write_pairs import SideText, WritePairsConfig, write_pairs


def test_memory_grows_with_sentences_pairs_and_what_they_carry() -> None:
    few, many = Size(10**6, 10**6, 256, 16), Size(10**8, 10**8, 256, 16)
    for cost in (mine_cost, evaluate_cost):
        assert cost(few).memory_gb < Requirements().mem_gb < 15 < cost(many).memory_gb
    assert write_cost(many, 10**6, 0).memory_gb < write_cost(many, 10**8, 0).memory_gb
    assert write_cost(many, 10**8, 100).memory_gb > write_cost(many, 10**8, 0).memory_gb + 30


def test_most_pairs_of_a_retrieval() -> None:
    found = {retrieval: most_pairs(Size(5, 3, 1, 1), retrieval) for retrieval in RETRIEVALS}
    assert found == {"forward": 5, "backward": 3, "union": 8, "intersection": 3, "max": 3}


def test_bytes_of_carried_columns(tmp_path: Path) -> None:
    schema = pa.schema({"url": pa.string(), "year": pa.int64()})
    pq.write_table(schema.empty_table(), tmp_path / "none.parquet")
    pq.write_table(pa.table({"url": ["x" * 50] * 1000, "year": [2020] * 1000}, schema), tmp_path / "some.parquet")
    assert carried_bytes([]) == carried_bytes([tmp_path / "none.parquet"]) == 0
    assert carried_bytes([tmp_path / "none.parquet", tmp_path / "some.parquet"]) == pytest.approx(62, abs=1)


@pytest.mark.parametrize(
    ("step", "config", "more"),
    [
        (mine_pairs, MinePairsConfig((), ()), MinePairsConfig((), (), mem_gb=7)),
        (
            write_pairs,
            WritePairsConfig(Path("c"), 1, SideText("x", ()), SideText("y", ())),
            WritePairsConfig(Path("c"), 1, SideText("x", ()), SideText("y", ()), mem_gb=7),
        ),
        (
            evaluate,
            EvaluateConfig(Path("c"), 1, Path("g"), (), (), (), ()),
            EvaluateConfig(Path("c"), 1, Path("g"), (), (), (), (), mem_gb=7),
        ),
    ],
)
def test_memory_is_asked_for_and_in_no_key(step: object, config: object, more: object) -> None:
    assert step.requirements(config) == Requirements()  # type: ignore[attr-defined]
    assert step.requirements(more) == Requirements(mem_gb=7)  # type: ignore[attr-defined]
    assert step.config_for_key(more) == step.config_for_key(config)  # type: ignore[attr-defined]
