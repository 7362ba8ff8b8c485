"""Prefect's view of the store: what `submit`, `map` and direct calls of a module read and write."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson
from prefect._internal.compatibility.async_dispatch import async_dispatch
from prefect.filesystems import WritableFileSystem
from prefect.serializers import JSONSerializer, Serializer

from orepass.atomic import write_atomically
from orepass.errors import DamagedError, ResultError
from orepass.in_use import announce
from orepass.store import Store, current_store

if TYPE_CHECKING:
    from orepass.modules import Module

modules: weakref.WeakValueDictionary[str, Module[..., Any]] = weakref.WeakValueDictionary()
"""The modules of this process by name, so that nothing needs to be imported because a stored file says so."""


class ModuleSerializer(Serializer):
    """Reads the result of a module as `orepass.codec` wrote it; never pickle.

    Prefect asks it to write, too, but what a module returned is in the store by then.
    """

    type: Literal["orepass"] = "orepass"

    def dumps(self, obj: Any) -> bytes:
        """Nothing: the store has it already."""
        return b"{}"

    def loads(self, blob: bytes) -> Any:
        """Decode what `StoreFileSystem.read_path` gave Prefect."""
        found = orjson.loads(blob)
        module = modules[found["module"]]
        return module.codec.decode(found["result"], Path(found["folder"]), Path(found["root"]))


class StoreFileSystem(WritableFileSystem):
    """Where Prefect persists results: those of modules are the store's, others are plain files beside them."""

    _block_type_name = "orepass store file system"

    def store(self) -> Store:
        """The store that is meant."""
        return current_store()

    async def aread_path(self, path: str) -> bytes:
        """See `read_path`."""
        return await asyncio.to_thread(self._read, path)

    # Prefect's abstract class says async, its own file systems answer both ways like this.
    @async_dispatch(aread_path)
    def read_path(self, path: str) -> bytes:  # type: ignore[override]
        """The document that Prefect expects at a key.

        Raises:
            ValueError: there is none.
            ResultError: it is pickled, or else not plain JSON: reading a shared store runs no code.
        """
        return self._read(path)

    async def awrite_path(self, path: str, content: bytes) -> None:
        """See `write_path`."""
        await asyncio.to_thread(self._write, path, content)

    @async_dispatch(awrite_path)
    def write_path(self, path: str, content: bytes) -> None:  # type: ignore[override]
        """Keep a document that Prefect made.

        Raises:
            ResultError: it is pickled, or else not plain JSON.
            StoreError: the store cannot be written.
        """
        self._write(path, content)

    def _resolve_path(self, path: str) -> Path:
        """Where a key is; Prefect asks for it, and then gives keys in this absolute form, too."""
        return self.store().root / path

    def _read(self, path: str) -> bytes:
        store = self.store()
        path = self._key(store, path)
        module, _, key = path.partition("/")
        if module in modules and key:
            return self._module_document(store, module, key)
        try:
            content = self._plain(store, path).read_bytes()
        except OSError as error:
            raise ValueError(f"Nothing is stored at {path!r}: {error}") from error
        self._refuse_code(content, path)
        return content

    def _write(self, path: str, content: bytes) -> None:
        if _serializer_of(content) == ModuleSerializer().type:
            return
        self._refuse_code(content, path)
        store = self.store()
        try:
            write_atomically(self._plain(store, self._key(store, path)), content)
        except OSError as error:
            raise store.failure(f"keep {path!r} for Prefect", error) from error

    def _module_document(self, store: Store, module: str, key: str) -> bytes:
        entry = store.entry(module, key)
        try:
            record = store.read(entry)
        except DamagedError as error:
            raise ValueError(f"{path_of(module, key)} cannot be used: {error}") from error
        if record is None:
            raise ValueError(f"Nothing is stored at {path_of(module, key)}.")
        announce(store.layout, [entry.name])  # it may come from a worker that looked it up and is gone
        blob = {"module": module, "folder": str(entry.folder), "root": str(store.root), "result": record.result}
        metadata = {"storage_key": path_of(module, key), "serializer": {"type": ModuleSerializer().type}}
        return orjson.dumps({"metadata": metadata, "result": orjson.dumps(blob).decode()})

    @staticmethod
    def _key(store: Store, path: str) -> str:
        return path.removeprefix(f"{store.root}/")

    @staticmethod
    def _plain(store: Store, path: str) -> Path:
        place = (store.layout.prefect / path).resolve()
        if not place.is_relative_to(store.layout.prefect):
            raise ResultError(f"{path!r} leads out of the store; use a relative path without '..'.")
        return place

    @staticmethod
    def _refuse_code(content: bytes, path: str) -> None:
        """Let through only what Prefect reads without importing or calling what the document names."""
        try:
            document = json.loads(content)
            plain = document["metadata"]["serializer"] in ({"type": "json"}, JSONSerializer().model_dump())
            if plain and not any(_names_code(member) for member in _members(json.loads(document["result"]))):
                return
        except (ValueError, KeyError, TypeError):
            pass  # not a document of Prefect's at all
        raise ResultError(
            f"{path!r} is not plain JSON: this store holds no pickles and no other documents that run code when they "
            "are read. Set result_serializer='json' on the task or flow, and return numbers, strings, lists and "
            "mappings; what returns more should be a module."
        )


def path_of(module: str, key: str) -> str:
    """The name by which Prefect's result storage knows a result."""
    return f"{module}/{key}"


def _serializer_of(content: bytes) -> str:
    try:
        return str(orjson.loads(content)["metadata"]["serializer"]["type"])
    except (ValueError, KeyError, TypeError):
        return "unknown"


def _members(value: Any) -> Iterator[Any]:
    yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for member in inside:
        yield from _members(member)


def _names_code(value: Any) -> bool:
    """Whether Prefect's JSON decoder would import what a mapping names, and call it."""
    return isinstance(value, dict) and ("__class__" in value or "__exc_type__" in value)
