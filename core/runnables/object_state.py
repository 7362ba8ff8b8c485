"""The state of objects in files that hold data only: tensors as safetensors, arrays as .npz, the rest as JSON."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from orepass.errors import ConfigError, ResultError

_SKELETON, _TENSORS, _ARRAYS = "state.json", "tensors.safetensors", "arrays.npz"


def has_state(thing: Any) -> bool:
    """Whether an object has `state_dict()` and `load_state_dict(state)`, or `save(folder)` and `load(folder)`."""
    return not isinstance(thing, type) and (_has(thing, "state_dict", "load_state_dict") or _has(thing, "save", "load"))


def save_state(thing: Any, folder: Path) -> None:
    """Write the state of an object into a new folder.

    Raises:
        ResultError: something in it is no data, or safetensors is not installed.
    """
    folder.mkdir(parents=True)
    if not _has(thing, "state_dict", "load_state_dict"):
        thing.save(folder)
        return
    tensors: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    skeleton = _packed(thing.state_dict(), tensors, arrays)
    (folder / _SKELETON).write_text(json.dumps(skeleton))
    if tensors:
        _safetensors(ResultError).save_file(tensors, folder / _TENSORS)
    if arrays:
        np.savez(folder / _ARRAYS, allow_pickle=False, **arrays)


def load_state(thing: Any, folder: Path) -> None:
    """Give an object the state that `save_state` wrote.

    Raises:
        ConfigError: safetensors is not installed.
    """
    if not (folder / _SKELETON).exists():
        thing.load(folder)
        return
    found: dict[str, Any] = {}
    if (folder / _TENSORS).exists():
        found |= _safetensors(ConfigError).load_file(folder / _TENSORS)
    if (folder / _ARRAYS).exists():
        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            found |= dict(arrays)
    thing.load_state_dict(_unpacked(json.loads((folder / _SKELETON).read_text()), found))


def _has(thing: Any, *methods: str) -> bool:
    return all(callable(getattr(thing, method, None)) for method in methods)


def _safetensors(kind: type[ConfigError | ResultError]) -> Any:
    try:
        return importlib.import_module("safetensors.torch")
    except ImportError as error:
        raise kind("The state of torch modules is kept as safetensors: pip install safetensors") from error


def _packed(value: Any, tensors: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The JSON form of a state, with its tensors and arrays put aside under names."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        return {"map": [[_packed(k, tensors, arrays), _packed(v, tensors, arrays)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_packed(member, tensors, arrays) for member in value]}
    if isinstance(value, np.generic):
        return _packed(value.item(), tensors, arrays)
    name = f"n{len(tensors) + len(arrays)}"
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        arrays[name] = value
    elif "torch" in sys.modules and isinstance(value, sys.modules["torch"].Tensor):
        tensors[name] = value.detach().cpu().clone().contiguous()  # safetensors takes none that share memory
    else:
        raise ResultError(
            f"In its state_dict() is a {type(value).__qualname__}. Tensors, arrays, numbers, texts, and lists and "
            "mappings of them can be stored."
        )
    return {"found": name}


def _unpacked(form: Any, found: Mapping[str, Any]) -> Any:
    if not isinstance(form, dict):
        return form
    ((kind, content),) = form.items()
    if kind == "found":
        return found[content]
    if kind == "map":
        return {_unpacked(key, found): _unpacked(value, found) for key, value in content}
    members = [_unpacked(member, found) for member in content]
    return members if kind == "list" else tuple(members)
