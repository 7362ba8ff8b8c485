from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orepass import Store, module
from orepass.explain import compare, explain_record, nearest_to
from orepass.step import make_steps
from orepass.upkeep import results


@dataclass(frozen=True)
class Shard:
    path: Path
    lang: str = "en"


@dataclass(frozen=True)
class ReadConfig:
    shards: tuple[Shard, ...] = ()
    lower: bool = True
    limit: int | None = None
    version: str = "a"


@module(name="explained")
def explained(config: ReadConfig, element: Path | None = None) -> int:
    return len(config.shards)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("one")
    return path


async def test_every_field_that_differs_from_the_nearest_result_is_told(store: Store, text: Path) -> None:
    config = ReadConfig((Shard(text),))
    await explained.schedule(config)
    await explained.schedule(dataclasses.replace(config, lower=False, limit=7, version="b"))
    text.write_text("two")
    config = dataclasses.replace(config, lower=False, limit=8, version="b")
    (step,) = make_steps(explained, config, None, store)
    nearest, differences = nearest_to(step)
    assert nearest is not None and nearest.config["limit"] == 7
    assert set(differences) == {"limit", "shards[0].path"}
    assert differences["limit"] == (7, 8)
    assert [str(value).partition(" (")[0] for value in differences["shards[0].path"]] == [str(text), str(text)]


async def test_an_element_is_told_by_its_name(store: Store, text: Path) -> None:
    await explained.schedule(ReadConfig(), over=[text])
    other = text.with_name("other.txt")
    other.write_text("other")
    (step,) = make_steps(explained, ReadConfig(), [other], store)
    _, differences = nearest_to(step)
    assert [str(value).partition(" (")[0] for value in differences["element"]] == [str(text), str(other)]


async def test_nothing_is_near_in_an_empty_store(store: Store) -> None:
    (step,) = make_steps(explained, ReadConfig(), None, store)
    assert nearest_to(step) == (None, {})


async def test_records_are_compared_by_what_they_were_made_of_and_with(store: Store) -> None:
    await explained.schedule(ReadConfig())
    await explained.schedule(ReadConfig(limit=1))
    new, old = (result.record for result in results(store))
    assert explain_record(new, store) == (old, {"limit": (None, 1)})
    assert compare(old, new) == {"limit": (None, 1)}
    changes: dict[str, Any] = {"version": "2", "source": "0" * 32, "packages": {**new.packages, "numpy": "3.0"}}
    newer = dataclasses.replace(new, **changes)
    assert compare(old, newer) == {
        "limit": (None, 1),
        "module version": ("1", "2"),
        "source text": (old.source, "0" * 32),
        "package numpy": (old.packages["numpy"], "3.0"),
    }
