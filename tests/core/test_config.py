from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from pydantic import TypeAdapter, ValidationError

from orepass.config import Config, load
from orepass.errors import ConfigError


@dataclass(frozen=True)
class Part(Config):
    width: int = 8


@dataclass(frozen=True)
class Whole(Config):
    name: str
    files: tuple[Path, ...] = ()
    part: Part = Part()
    lr: float | None = None


def test_the_same_from_a_mapping_a_dictconfig_and_python() -> None:
    options = {"name": "a", "files": ["x", "y"], "part": {"width": "4"}}
    expected = Whole("a", (Path("x"), Path("y")), Part(4))
    assert load(Whole, options) == load(Whole, OmegaConf.create(options)) == load(Whole, expected) == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nme": "a"}, ["nme", "Did you mean 'name'?", "Valid: files, lr, name, part."]),
        ({"name": "a", "part": {"widht": 3}}, ["widht", "Did you mean 'width'?"]),
        ({}, ["Whole cannot be used", "name: required, but not given"]),
        ({"name": "a", "lr": "fast"}, ["lr", "'fast'"]),
        ({"name": "a", "lr": "fast", "part": {"width": "x"}}, ["lr", "part.width"]),
        (OmegaConf.create({"name": "???"}), ["name"]),
        ("text", ["Whole cannot be used", "'text'"]),
    ],
)
def test_what_is_wrong_is_told(options: object, said: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(Whole, options)
    for words in said:
        assert words in str(caught.value)


def test_pydantic_refuses_unknown_options_too() -> None:
    with pytest.raises(ValidationError, match="widht"):
        TypeAdapter(Whole).validate_python({"name": "a", "part": {"widht": 3}})
