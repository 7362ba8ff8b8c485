"""Calls as bytes. What a script or a notebook defines itself travels by value, and is pickled once an array."""

from __future__ import annotations

import io
import pickle
from functools import cache
from types import FunctionType
from typing import Any

import cloudpickle

from orepass.call import Call
from orepass.modules import Module


class Packer:
    """Pickles the calls of a flow run.

    What the steps of an array have in common is pickled once for all of them; for the next array a script's functions
    and the globals that they use may have changed.
    """

    def __init__(self) -> None:
        self._known: dict[Any, bytes] = {}
        self._config: Any = None

    def pack(self, call: Call) -> bytes:
        """A call as bytes, for `unpack`."""
        if call.step.config is not self._config:
            self._config, self._known = call.step.config, {}
        file = io.BytesIO()
        try:
            _Pickler(file, self._known).dump(call)
        except (pickle.PicklingError, TypeError, AttributeError):  # a configuration with something unusual in it
            return bytes(cloudpickle.dumps(call))
        return file.getvalue()


def unpack(packed: bytes) -> Call:
    """The call that was packed.

    Raises:
        Exception: whatever an import that it needs raises.
    """
    call: Call = pickle.loads(packed)
    return call


class _Pickler(pickle.Pickler):
    """Python's own, because cloudpickle's takes many times as long; that one packs only classes and functions."""

    def __init__(self, file: io.BytesIO, known: dict[Any, bytes]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._known = known

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, (type, FunctionType, Module)):
            return NotImplemented
        if value not in self._known:
            self._known[value] = cloudpickle.dumps(value)
        return _unpacked, (self._known[value],)


@cache
def _unpacked(packed: bytes) -> Any:
    return pickle.loads(packed)
