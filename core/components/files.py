"""Components and apps that people have in files and modules of their own."""

from __future__ import annotations

import copy
import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from orepass.components.component import Component, imports_from, one_line, place_of
from orepass.errors import ConfigError, did_you_mean
from orepass.specs import AppDef

_VARIABLE = "app"


def component_of_file(name: str) -> Component:
    """The component of `path/file.py` or `path/file.py:function`.

    Raises:
        ConfigError: there is none, or it is not clear which is meant.
    """
    place, attribute = name.rpartition(":")[::2] if ":" in name and not name.endswith(".py") else (name, "")
    path = Path(place).expanduser()
    _check_file(path)
    path = path.resolve()
    module = _load(path)
    if not attribute:
        attribute = _only_one(place, module)
    return _named(name, module, attribute, path.parent)


def component_of_module(name: str) -> Component:
    """The component of `package.module:function`.

    Raises:
        ConfigError: there is none.
    """
    place, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(place)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{place}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"No component {name!r}: there is no module {error.name!r} to import. Install its package, or give a "
                "file: path/file.py:function."
            ) from None
        raise ConfigError(f"{place} cannot be imported: {place_of(error, '')}: {one_line(error)}") from error
    return _named(name, module, attribute, None)


def _check_file(path: Path) -> None:
    if path.is_file() and path.suffix == ".py":
        return
    if path.is_file():
        raise ConfigError(f"{path} is no Python file: its name has to end in .py.")
    beside = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
    hint = f" {did_you_mean(path.name, beside)}" if beside else ""
    raise ConfigError(f"There is no file {path}.{hint}")


def _load(path: Path) -> ModuleType:
    """Run a file as a module that nobody imports by its name."""
    digest = hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()
    module = ModuleType(f"orepass_app_file_{digest}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses and annotations are looked up
    try:
        with imports_from(path.parent):
            exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        raise ConfigError(f"{path} cannot be imported: {place_of(error, str(path))}: {one_line(error)}") from error
    return module


def _named(name: str, module: ModuleType, attribute: str, folder: Path | None) -> Component:
    found = vars(module).get(attribute)
    if isinstance(found, AppDef):
        return Component(name, _constant(found, name), folder)
    if not callable(found):
        what = f"is a {type(found).__name__}" if attribute in vars(module) else "is not there"
        there = [*_apps(module), *_functions(module)]
        hint = did_you_mean(attribute, there) if there else "Write a function that returns an AppDef."
        raise ConfigError(f"No component {name!r}: {attribute!r} {what}. {hint}")
    return Component(name, found, folder)


def _constant(app: AppDef, name: str) -> Callable[[], AppDef]:
    def constant() -> AppDef:
        return copy.deepcopy(app)

    constant.__doc__ = f"Run the app {app.name!r} of {name}."
    return constant


def _only_one(place: str, module: ModuleType) -> str:
    """What a file stands for that is given alone."""
    apps, functions = _apps(module), _functions(module)
    if _VARIABLE in apps:
        return _VARIABLE
    told = [name for name, function in functions.items() if _is_app(function.__annotations__.get("return"))]
    untold = [name for name, function in functions.items() if "return" not in function.__annotations__]
    candidates = told or untold
    if len(candidates) == 1:
        return candidates[0]
    if candidates or apps:
        which = ", ".join(f"{place}:{name}" for name in [*apps, *candidates])
        raise ConfigError(f"{place} has no variable `app` and no single component. Say which is meant: {which}.")
    raise ConfigError(
        f"{place} has no component. Write `app = specs.AppDef(...)`, or a function that returns an AppDef."
    )


def _apps(module: ModuleType) -> dict[str, AppDef]:
    return {name: value for name, value in vars(module).items() if isinstance(value, AppDef)}


def _functions(module: ModuleType) -> Mapping[str, Callable[..., Any]]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def _is_app(annotation: Any) -> bool:
    """Whether an annotation says AppDef; one that is text is taken at its word."""
    if isinstance(annotation, str):
        return annotation.strip("'\"").rpartition(".")[2] == AppDef.__name__
    return isinstance(annotation, type) and issubclass(annotation, AppDef)
