from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from orepass import Store, module, workdir
from orepass.errors import StoreError
from orepass.explain import explain_record
from orepass.upkeep import find, plan_prune, prune, results, verify


@dataclass(frozen=True)
class FillConfig:
    letter: str = "a"
    count: int = 10


@dataclass(frozen=True)
class DoubleConfig:
    source: Path


@module(name="upkeep_fill")
def fill(config: FillConfig) -> Path:
    path = workdir() / "letters.txt"
    path.write_text(config.letter * config.count)
    return path


@module(name="upkeep_double")
def double(config: DoubleConfig) -> Path:
    path = workdir() / "double.txt"
    path.write_text(config.source.read_text() * 2)
    return path


async def test_lists_finds_and_explains_results(store: Store) -> None:
    await fill.schedule(FillConfig("a"))
    await fill.schedule(FillConfig("b"))
    newest, oldest = results(store, "upkeep_fill")
    assert {newest.record.config["letter"], oldest.record.config["letter"]} == {"a", "b"}
    assert newest.size == 10
    assert find(store, newest.record.key[:12]) == newest
    with pytest.raises(StoreError, match="2 results"):
        find(store, "")
    assert explain_record(newest.record, store) == (oldest.record, {"letter": ("a", "b")})


async def test_verify_reads_what_sizes_do_not_show(store: Store) -> None:
    path = await fill.schedule(FillConfig("a"))
    (result,) = results(store)
    assert verify(result) == []
    os.chmod(path, 0o644)
    path.write_text("b" * 10)
    assert verify(result) == ["letters.txt was altered"]


async def test_prune_by_size_takes_the_oldest(store: Store) -> None:
    for letter in "abc":
        await fill.schedule(FillConfig(letter))
    plan = plan_prune(store, keep_bytes=15)
    assert [result.record.config["letter"] for result in plan] == ["a", "b"]
    assert len(list(results(store))) == 3, "planning removes nothing"
    assert prune(store, plan) == 20
    assert [result.record.config["letter"] for result in results(store)] == ["c"]


async def test_prune_by_age_and_module(store: Store) -> None:
    await double.schedule(DoubleConfig(await fill.schedule(FillConfig())))
    assert plan_prune(store, older_than_days=1) == []
    (planned,) = plan_prune(store, older_than_days=0, module="upkeep_double")
    assert planned.entry.module == "upkeep_double"


async def test_prune_keeps_what_a_run_needed(store: Store, api: str) -> None:
    from prefect import flow
    from prefect.runtime import flow_run

    @flow
    async def doubling() -> str:
        await double.schedule(DoubleConfig(source))
        return str(flow_run.id)

    source = await fill.schedule(FillConfig("a"))
    await fill.schedule(FillConfig("b"))
    plan = plan_prune(store, unreachable_from=[await doubling()])
    assert [result.record.config["letter"] for result in plan] == ["b"]


async def test_a_pruned_result_is_computed_again(store: Store) -> None:
    first = await fill.schedule(FillConfig())
    prune(store, plan_prune(store))
    assert not first.exists()
    assert (await fill.schedule(FillConfig())).read_text() == "a" * 10
