"""A result stands under the key of the inputs that it was made of, and under a name that can be a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orepass import Store, checkpoint_folder, module
from orepass.errors import ConfigError, StepError


@dataclass(frozen=True)
class InputConfig:
    source: Path


@dataclass(frozen=True)
class NumbersConfig:
    half: Any
    large: int


@module
def rewrites_its_input(config: InputConfig) -> str:
    config.source.write_text("new")
    return config.source.read_text()


@module
def takes_numbers(config: NumbersConfig) -> int:
    return 1


@module
def goes_on(config: InputConfig) -> str:
    folder = checkpoint_folder()
    assert folder is not None
    before = sorted(path.name for path in folder.iterdir())
    (folder / str(len(before))).touch()
    if len(before) < 2:
        raise RuntimeError("not yet")
    return " ".join(before)


async def test_a_step_finds_the_checkpoints_of_its_earlier_runs(store: Store, tmp_path: Path) -> None:
    config = InputConfig(tmp_path / "source.txt")
    config.source.write_text("text")
    for _ in range(2):
        with pytest.raises(StepError, match="not yet"):
            await goes_on.schedule(config)
        store.sweep()
    assert await goes_on.schedule(config) == "0 1"
    assert not list(store.layout.checkpoints.glob("*/*"))


def test_checkpoints_that_nobody_wants_any_more_are_removed(store: Store) -> None:
    old, young = (store.layout.entry("module", key).checkpoints for key in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    store.sweep()
    assert young.exists() and not old.exists()


def test_outside_of_a_flow_there_is_no_folder_for_checkpoints(store: Store) -> None:
    assert checkpoint_folder() is None


async def test_an_input_that_changes_while_the_step_runs_is_no_result(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_text("old")
    with pytest.raises(StepError, match="was changed between the start of the run and the end of the step"):
        await rewrites_its_input.schedule(InputConfig(source))
    source.write_text("old")
    assert not list(store.records("rewrites_its_input"))


def test_names_that_are_no_folder_names_are_refused() -> None:
    for name in ("../out", "a/b", ".hidden", ""):
        with pytest.raises(ConfigError, match="cannot be called"):
            module(name=name or " ")(lambda config: config)


def test_a_copy_keeps_the_name_that_is_in_the_keys() -> None:
    with pytest.raises(ConfigError, match="label"):
        rewrites_its_input.with_options(name="another")


async def test_records_hold_whatever_can_be_keyed(store: Store) -> None:
    await takes_numbers.schedule(NumbersConfig(np.float64(0.5), 2**64))
    (record,) = store.records("takes_numbers")
    assert record.config == {"half": "0.5", "large": str(2**64)}
