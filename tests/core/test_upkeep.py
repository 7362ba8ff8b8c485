from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from orepass import Store, module, workdir
from orepass.errors import DamagedError, StoreError
from orepass.step import make_steps
from orepass.upkeep import entries, find, plan_prune, prune, read, results, verify


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


@module(name="upkeep_pass_on")
def pass_on(config: DoubleConfig) -> Path:
    return config.source


async def test_lists_and_finds_results(store: Store) -> None:
    await fill.schedule(FillConfig("a"))
    await fill.schedule(FillConfig("b"))
    newest, oldest = results(store, "upkeep_fill")
    assert {newest.record.config["letter"], oldest.record.config["letter"]} == {"a", "b"}
    assert newest.size == 10
    assert find(store, newest.record.key[:12]) == newest.entry
    assert read(find(store, f"upkeep_fill/{newest.record.key[:12]}")) == newest
    assert set(entries(store)) == {newest.entry, oldest.entry}
    with pytest.raises(StoreError, match="2 results"):
        find(store, "")
    with pytest.raises(StoreError, match=r"0 results .* `orepass cache list`"):
        find(store, "upkeep_double/")


async def test_verify_reads_what_sizes_do_not_show(store: Store) -> None:
    path = await fill.schedule(FillConfig("a"))
    (entry,) = entries(store)
    assert verify(entry) == []
    os.chmod(path, 0o644)
    path.write_text("b" * 10)
    assert verify(entry) == ["letters.txt was altered"]
    path.write_text("b")
    assert verify(entry) == ["letters.txt has 1 bytes, 10 were written"]
    path.unlink()
    assert verify(entry) == ["letters.txt is missing"]
    entry.record.write_text("{}")
    assert "not a whole record" in verify(entry)[0]
    entry.record.unlink()
    assert verify(entry) == ["record.json is missing"]
    with pytest.raises(DamagedError, match="--set-aside"):
        read(entry)
    entry.folder.rmdir()
    assert verify(entry) == []


async def test_prune_by_size_takes_the_oldest(store: Store) -> None:
    for letter in "abc":
        await fill.schedule(FillConfig(letter))
    plan = plan_prune(store, keep_bytes=15)
    assert [result.record.config["letter"] for result in plan] == ["a", "b"]
    assert len(list(results(store))) == 3, "planning removes nothing"
    pruned = prune(store, plan)
    assert (pruned.removed, pruned.in_use, pruned.freed) == (plan, [], 20)
    assert [result.record.config["letter"] for result in results(store)] == ["c"]


async def test_prune_by_age_and_module(store: Store) -> None:
    await double.schedule(DoubleConfig(await fill.schedule(FillConfig())))
    assert plan_prune(store, older_than_days=1) == []
    (planned,) = plan_prune(store, older_than_days=0, module="upkeep_double")
    assert planned.entry.module == "upkeep_double"
    assert plan_prune(store, only=[planned.entry.name]) == [planned]
    assert plan_prune(store, only=[planned.entry.name], module="upkeep_fill") == []


async def test_prune_keeps_what_is_named_with_all_that_it_was_made_of(store: Store, tmp_path: Path) -> None:
    source = await double.schedule(DoubleConfig(await fill.schedule(FillConfig("a"))))
    await pass_on.schedule(DoubleConfig(source))
    await fill.schedule(FillConfig("b"))
    (last,) = results(store, "upkeep_pass_on")
    assert plan_prune(store, unreachable_from=[]) == plan_prune(store)
    (planned,) = plan_prune(store, unreachable_from=[last.entry.name, "upkeep_fill/gone"])
    assert planned.record.config == {"letter": "b", "count": 10}
    store.root.rename(tmp_path / "moved")
    assert len(plan_prune(Store(tmp_path / "moved"), unreachable_from=[last.entry.name])) == 1


async def test_prune_keeps_what_a_flow_run_needs_and_what_one_needed(store: Store, api: str) -> None:
    from prefect import flow
    from prefect.runtime import flow_run

    @flow
    async def doubling() -> str:
        await double.schedule(DoubleConfig(source))
        return str(flow_run.id)

    @flow
    async def outer() -> str:
        run = await doubling()
        fill.submit(FillConfig("s")).wait()
        fill(FillConfig("d"))
        pruned = prune(store, plan_prune(store))
        assert [result.record.config["letter"] for result in pruned.removed] == ["b"]
        assert [result.record.config.get("letter", "double") for result in pruned.in_use] == ["a", "double", "s", "d"]
        return run

    source = await fill.schedule(FillConfig("a"))
    await fill.schedule(FillConfig("b"))
    run = await outer()
    plan = plan_prune(store, unreachable_from_runs=[run])
    assert [result.record.config["letter"] for result in plan] == ["s", "d"]
    assert len(list(store.layout.in_use.iterdir())) == 2
    await fill.schedule(FillConfig("c"))
    assert len(list(store.layout.in_use.iterdir())) == 1, "what the flow run needed was let go of"
    assert len(prune(store, plan_prune(store)).removed) == 5


async def test_a_pruned_result_is_computed_again(store: Store) -> None:
    first = await fill.schedule(FillConfig())
    prune(store, plan_prune(store))
    assert not first.exists()
    assert (await fill.schedule(FillConfig())).read_text() == "a" * 10


async def test_a_result_that_another_one_returns_stays_with_it(store: Store) -> None:
    for letter in "ab":
        await fill.schedule(FillConfig(letter))
    returned = (await fill.schedule(FillConfig("a"))).parent.name
    await pass_on.schedule(DoubleConfig(await fill.schedule(FillConfig("a"))))
    for plan in (plan_prune(store, module="upkeep_fill"), plan_prune(store, keep_bytes=10)):
        assert [result.record.config["letter"] for result in plan] == ["b"]
    assert len(plan_prune(store)) == 3
    everything = [result for result in results(store) if result.entry.module == "upkeep_fill"]
    assert [result.entry.key for result in prune(store, everything).in_use] == [returned]


async def test_a_result_whose_files_are_gone_cannot_be_used(store: Store) -> None:
    source = await fill.schedule(FillConfig())
    config = DoubleConfig(source)
    assert await pass_on.schedule(config) == source
    (step,) = make_steps(pass_on, config, None, store)
    source.parent.rename(store.root / "away")
    with pytest.raises(DamagedError, match=r"it points to upkeep_fill/.*/letters\.txt, which is gone"):
        step.check()
