"""`orepass cache explain` and `diff`: how results differ, those that are there and those that are asked for."""

from __future__ import annotations

import argparse
import inspect
import typing
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError

from orepass.errors import ConfigError, DamagedError, ResultError
from orepass.explain import Differences, compare, nearest_to
from orepass.flows._ending import DONE, console
from orepass.flows.cli._cache_look import asked_store, short
from orepass.flows.cli.tables import print_json, print_rows
from orepass.key import NO_ELEMENT
from orepass.modules import Module
from orepass.pipelines.multistage import MultistageModule
from orepass.pipelines.types import Type, find_type
from orepass.step import Step, make_steps
from orepass.store import Store
from orepass.upkeep import find, read


def explain(arguments: argparse.Namespace) -> int:
    """`orepass cache explain`."""
    step = _step(arguments)
    found: dict[str, Any] = {"module": step.module.name, "key": step.key.digest, "folder": step.entry.folder}
    try:
        there = step.check() is not None
        problem = None
    except (DamagedError, ResultError) as error:
        there, problem = False, str(error)
    nearest, differences = (None, {}) if there or problem else nearest_to(step)
    rows = _rows(differences, "stored", "asked_for")
    if arguments.json:
        key = nearest.key if nearest else None
        print_json(found | {"stored": there, "problem": problem, "nearest": key, "differences": rows})
        return DONE
    name = f"{step.module.name}/{short(step.key.digest)}"
    if there:
        print(f"{name} is in the store: {step.entry.folder}")
    elif problem:
        print(
            f"{name} is in the store, but cannot be used: {problem}. The next run sets it aside and computes it anew."
        )
    elif nearest is None:
        print(f"{name} is not in the store, and no other result of {step.module.name} is.")
    else:
        print(f"{name} is not in the store. The nearest one is {short(nearest.key)}; they differ in:")
        print_rows(rows, {"field": "field", "stored": "stored", "asked_for": "asked for"}, False)
    return DONE


def diff(arguments: argparse.Namespace) -> int:
    """`orepass cache diff`."""
    store = asked_store(arguments)
    first, second = (read(find(store, key)).record for key in (arguments.first, arguments.second))
    rows = _rows(compare(first, second), "first", "second")
    columns = {"field": "field", "first": short(first.key), "second": short(second.key)}
    if rows or arguments.json:
        print_rows(rows, columns, arguments.json)
    if not rows:
        console.print("They do not differ.")
    return DONE


def _rows(differences: Differences, old: str, new: str) -> list[dict[str, Any]]:
    return [{"field": field, old: before, new: after} for field, (before, after) in differences.items()]


def _step(arguments: argparse.Namespace) -> Step:
    store = asked_store(arguments)
    module = _find(arguments.module, store)
    if isinstance(module, MultistageModule):
        parts = ", ".join(stage.module.reference for stage in module.stages.values())
        raise ConfigError(
            f"{arguments.module!r} has no results of its own. Name the module of one of its stages: {parts}."
        )
    if not isinstance(module, Module):
        raise ConfigError(f"{arguments.module!r} is an adapter, of which nothing is stored. Name a module.")
    if arguments.element is None and module.default_element is NO_ELEMENT and module.signature.array is not None:
        raise ConfigError(f"{module.name} runs over an array. Give the element in question with --element.")
    over = None if arguments.element is None else [_element(module, arguments.element)]
    config = module.typed(_config(arguments.config))
    return next(make_steps(module, config, over, store))


def _find(name: str, store: Store) -> Type:
    """The module of a type's name, or of the name that its results are listed under."""
    record = next(store.records(name), None) if name in store.modules() else None
    return find_type(name if record is None else record.function)


def _config(text: str) -> DictConfig | None:
    """The configuration in a file, or in the argument itself; None for `null`, which is one, too."""
    if text == "null":
        return None
    file = Path(text)
    inline = ":" in text or "{" in text
    if not inline and not file.is_file():
        raise ConfigError(f"No such file: {text!r}. Give a YAML or JSON file, or YAML such as '{{lang: en}}'.")
    try:
        config = OmegaConf.create(text) if inline and not file.is_file() else OmegaConf.load(file)
    except (yaml.YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration {text!r} is no YAML: {error}") from None
    if not isinstance(config, DictConfig):
        raise ConfigError(f"The configuration {text!r} is no mapping. Write options by name, such as '{{lang: en}}'.")
    return config


def _element(module: Module[..., Any], text: str) -> Any:
    """The element in an argument, of the type that the module's function takes."""
    parameters = [*inspect.signature(module.function).parameters]
    if len(parameters) < 2:
        raise ConfigError(f"{module.name} takes no element. Leave out --element.")
    try:
        value = yaml.safe_load(text)
        return TypeAdapter(typing.get_type_hints(module.function).get(parameters[1], Any)).validate_python(value)
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"--element {text!r} is no element of {module.name}: {error}") from None
