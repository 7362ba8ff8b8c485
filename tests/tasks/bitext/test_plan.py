from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orepass.errors import ConfigError
from orepass.tasks.bitext.cost_model import Size
from orepass.tasks.bitext.costs import Rates
from orepass.tasks.bitext.pairing_costs import mine_cost, write_cost
from orepass.tasks.bitext.plan import Plan, make_plan


def plan(n: int, m: int | None = None, dim: int = 256, **options: Any) -> Plan:
    return make_plan(Size(n, m or n, dim, 16), **{"memory_gb": 16.0, "rates": Rates(), "cores": 2, **options})


@pytest.mark.parametrize("n", [1, 1_000, 100_000])
def test_auto_is_exact_as_long_as_that_is_not_much_dearer(n: int) -> None:
    assert plan(n).exact and plan(n).nprobe == 1
    assert plan(n, product="bfloat16").exact


def test_auto_takes_a_compressed_index_beyond() -> None:
    found = plan(3_000_000)
    assert found.index_type.startswith("IVF") and found.index_type.endswith("PQ128x4fsr")
    assert 1 < found.nprobe < int(found.index_type[3:].partition(",")[0])
    assert any(way.index_type == "Flat" for way in found.alternatives)
    assert "instead: exact" in "\n".join(found.lines())


def test_few_queries_do_not_train_an_index_over_millions() -> None:
    assert plan(500, 20_000_000).exact


def test_a_faster_product_makes_exact_last_longer() -> None:
    assert not plan(600_000, product="float32").exact
    assert plan(600_000, product="bfloat16").exact
    assert plan(600_000, rates=replace(Rates(), float32=1e13, select=1e13)).exact


@pytest.mark.parametrize("index_type", ["IVF1024,Flat", "OPQ64,IVF1024,PQ64", "PQ64np", "IVF64,SQ8"])
def test_the_type_that_is_asked_for_is_taken(index_type: str) -> None:
    found = plan(100_000, index_type=index_type)
    assert found.index_type == index_type and not found.exact
    assert found.seconds is not None and found.seconds > 0
    assert [step.step for step in found.way.steps] == [
        "train_index", "populate_index", "merge_indexes", "neighbours",
    ]  # fmt: skip


def test_nprobe_is_kept_and_costs_time() -> None:
    few, many = (plan(100_000, index_type="IVF1024,Flat", nprobe=nprobe) for nprobe in (4, 256))
    assert (few.nprobe, many.nprobe) == (4, 256)
    assert few.seconds < many.seconds  # type: ignore[operator]
    assert plan(100_000, index_type="IVF16,Flat", nprobe=64).nprobe == 16


def test_more_recall_looks_at_more_lists() -> None:
    low, usual, high, all_of_them = (
        plan(100_000, index_type="IVF1024,Flat", recall=recall).nprobe for recall in (0.9, 0.95, 0.99, 1)
    )
    assert low < usual < high < all_of_them == 1024
    for recall in (0, 1.5):
        with pytest.raises(ConfigError, match=f"recall={recall} must be above 0"):
            plan(1000, recall=recall)


def test_graphs_need_memory_and_have_no_estimate_of_time() -> None:
    found = plan(1_000_000, index_type="HNSW32")
    assert found.seconds is None and found.memory_of("neighbours") > 1
    assert "no estimate of the time" in found.lines()[0]


def test_lists_that_stay_on_disk_need_no_memory() -> None:
    kept, read = (plan(10_000_000, index_type=kind).memory_of("neighbours") for kind in ("SQ8", "IVF1024,SQ8"))
    assert read < 1 < 2.5 < kept


def test_memory_that_cannot_suffice_is_said_with_what_to_do() -> None:
    with pytest.raises(ConfigError) as raised:
        plan(10_000_000, dim=1024, index_type="HNSW32", memory_gb=8.0)
    said = str(raised.value)
    assert "10,000,000 x 10,000,000 rows of width 1024 with index_type=HNSW32 need about" in said
    assert "GiB of memory in the step merge_indexes, and a step may have 8.0 GiB. Set mem_gb" in said
    assert "index_type=IVF" in said
    with pytest.raises(ConfigError, match="no other index type fits"):
        plan(1000, memory_gb=0.01)


@pytest.mark.parametrize("index_type", ["IVF1024,Flat", "PQ64np", "IVF16,PQ64"])
def test_too_few_rows_to_train(index_type: str) -> None:
    with pytest.raises(ConfigError, match=r"learns (1,024|256) centroids, and the smaller language has only 200 sen"):
        plan(100_000, 200, index_type=index_type)


def test_type_that_faiss_refuses() -> None:
    with pytest.raises(ConfigError, match="FAISS refuses index_type='IVF16,PQ7' for rows of width 256"):
        plan(1000, index_type="IVF16,PQ7")


@pytest.mark.parametrize(("dim", "codes"), [(384, 192), (1024, 512), (75, 75)])
def test_any_width_can_be_coded(dim: int, codes: int) -> None:
    assert plan(5_000_000, dim=dim).index_type.endswith(f",PQ{codes}x4fsr")


def test_lines_say_what_why_and_what_else() -> None:
    first, why, *rest = plan(1_000_000, 800_000).lines()
    assert "for 1,000,000 x 800,000 rows of width 256, k=16:" in first and "of 16.0 GiB" in first
    assert why.startswith("why: ")
    assert any(line.startswith("  train_index: about") for line in rest)
    assert any(line.startswith("instead: ") for line in rest)


def test_steps_after_the_search_are_told_and_refused_if_they_need_more() -> None:
    pairing = [mine_cost(Size(50_000_000, 50_000_000, 256, 16)), write_cost(Size(1, 1, 256, 16), 1, 0)]
    found = plan(50_000_000, pairing=pairing, memory_gb=16.0)
    assert found.memory_gb == found.memory_of("mine_pairs") > found.way.memory_gb > found.memory_of("write_pairs")
    said = "\n".join(found.lines())
    assert "10.7 of 16.0 GiB for the largest step" in said and "  mine_pairs: 10.7 GiB" in said
    assert "write_pairs" not in said
    with pytest.raises(ConfigError, match=r"need about 10\.7 GiB of memory in the step mine_pairs, .* Set mem_gb"):
        plan(50_000_000, pairing=pairing, memory_gb=8.0)
