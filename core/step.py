"""A step: a module with its configuration and, in an array, its element; with its key and its place in the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orepass.codec import points_to
from orepass.errors import DamagedError, OrepassError, ResultError, StoreError
from orepass.key import NO_ELEMENT, Key, make_keys
from orepass.layout import Entry
from orepass.record import Record
from orepass.store import Store

if TYPE_CHECKING:
    from orepass.modules import Module

logger = logging.getLogger(__name__)
_said: set[str] = set()
# Look-ups run in several threads, and reading the head of a `.npy` file in two of them at once can fail before
# Python 3.11.9 (cpython issue 106905), which would set a good result aside.
_validating = threading.Lock()


@dataclass(frozen=True)
class Step:
    """One run of a module, past or to come.

    Attributes:
        module: what runs.
        name: what people call it.
        config: its configuration.
        element: its element, or `NO_ELEMENT`.
        position: where in the array, or None.
        key: the key and what it was made of.
        store: where the result is or will be.
    """

    module: Module[..., Any]
    name: str
    config: Any
    element: Any
    position: int | None
    key: Key
    store: Store

    @cached_property
    def entry(self) -> Entry:
        """The result's place in the store."""
        return self.store.entry(self.module.name, self.key.digest)

    @property
    def label(self) -> str:
        """The step's name for people, such as `embed_text.fr[3]`."""
        return self.name if self.position is None else f"{self.name}[{self.position}]"

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the module's function is called with."""
        return (self.config,) if self.element is NO_ELEMENT else (self.config, self.element)

    def validate(self, output: Any) -> None:
        """Let the module check an output.

        Raises:
            ResultError: the module refuses it.
        """
        if self.module.validate is None:
            return
        element = None if self.element is NO_ELEMENT else self.element
        try:
            with _validating:
                accepted = self.module.validate(output, self.config, element)
        except Exception as error:
            raise ResultError(f"validate() of {self.module.name} raised {error!r}") from error
        if not accepted:
            raise ResultError(f"validate() of {self.module.name} refuses it")

    def check(self) -> Hit | None:
        """The stored result, if there is one.

        Raises:
            DamagedError: it is not as it was written.
            ResultError: it is not what the module returns now, or the module refuses it.
        """
        record = self.store.read(self.entry)
        if record is None:
            return None
        result = self.module.codec.decode(record.result, self.entry.folder, self.store.root)
        for other in points_to(record.result):
            if not Path(self.store.root, other).exists():
                raise DamagedError(f"it points to {other}, which is gone")
        self.validate(result)
        return Hit(result, record)

    def look_up(self) -> Hit | None:
        """The stored result, if there is one that is whole and valid; one that is not is set aside."""
        try:
            hit = self.check()
        except (DamagedError, ResultError) as error:
            self.store.set_aside(self.entry, str(error))
            return None
        if hit is not None and hit.record.source != self.module.source_digest:
            _say_once(
                self.module.name,
                "%s: results made by another text of its function are used, because its version is still %r. "
                "Raise the version if the change alters results.",
                self.module.name,
                hit.record.version,
            )
        return hit

    def stored(self) -> Hit:
        """The result of a step that has just been computed.

        Raises:
            StoreError: it is not where it was stored.
        """
        hit = self.look_up()
        if hit is None:
            raise StoreError(f"{self.label} was stored at {self.entry.folder}, but cannot be found there.")
        return hit


@dataclass(frozen=True)
class Hit:
    """A result out of the store."""

    result: Any
    record: Record


def make_steps(
    module: Module[..., Any],
    config: Any,
    over: Sequence[Any] | None,
    store: Store,
    name: str | None = None,
    inputs: set[str] | None = None,
) -> Iterator[Step]:
    """The steps that a module makes of a configuration and, for an array, its elements.

    Args:
        module: what is to run.
        config: its configuration.
        over: the elements of an array.
        store: where results are.
        name: what people call the steps.
        inputs: gets the names (`module/key`) of the results in the store that the steps read files of.

    Raises:
        UnkeyableError: a value that cannot stand in a key; names the field.
        InputError: an input file that is not there.
    """
    elements = [NO_ELEMENT] if over is None else over
    name = name or module.name
    try:
        digest = partial(store.digest, used=inputs)
        keys = make_keys(module.name, module.cache_version, module.config_for_key(config), elements, digest)
        for position, (element, key) in enumerate(zip(elements, keys, strict=True)):
            yield Step(module, name, config, element, None if over is None else position, key, store)
    except OrepassError as error:
        error.add_note(f"This was while the key of {name} was made.")
        raise


def _say_once(topic: str, message: str, *arguments: Any) -> None:
    if topic not in _said:
        _said.add(topic)
        logger.warning(message, *arguments)
