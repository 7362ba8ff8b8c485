"""A result stands under the key of the inputs that it was made of, and under a name that can be a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orepass import Store, module
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
