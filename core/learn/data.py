"""Batches, in an order that depends on nothing but the seed and the epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import torch
from accelerate import skip_first_batches
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler

from orepass.errors import ConfigError
from orepass.learn.randomness import drawing_from

if TYPE_CHECKING:
    from accelerate import Accelerator


@runtime_checkable
class _MapStyle(Protocol):
    """What torch calls a map-style dataset; lists are some."""

    def __getitem__(self, number: int, /) -> Any: ...

    def __len__(self) -> int: ...


class _Examples(IterableDataset[Any]):
    """Any iterable as a dataset of torch."""

    def __init__(self, examples: Iterable[Any]) -> None:
        self.examples = examples

    def __iter__(self) -> Iterator[Any]:
        return iter(self.examples)


def loader_of(data: Any, what: str, batch_size: int, num_workers: int, shuffle: bool) -> DataLoader[Any]:
    """A data loader for whatever the user gave.

    Args:
        data: a DataLoader, which is used as it is; a dataset or a list of examples; or an iterable of examples.
        what: the name of the argument, for errors.
        batch_size: examples a batch.
        num_workers: processes that read; 0 for this one.
        shuffle: draw the order, where there is a choice.

    Raises:
        ConfigError: it is none of these, can be read only once, or is empty.
    """
    if isinstance(data, DataLoader):
        loader = data
    elif isinstance(data, Iterator):
        raise ConfigError(
            f"{what} is an iterator, which can be read only once, but every epoch reads it from its beginning. Give a "
            "list, a dataset, or an object whose __iter__ starts anew."
        )
    elif isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable | _MapStyle):
        raise ConfigError(
            f"{what} is a {type(data).__name__}. Give a dataset, a DataLoader or an iterable of examples."
        )
    elif isinstance(data, _MapStyle) and not isinstance(data, IterableDataset):
        if not len(data):
            raise ConfigError(f"{what} is empty. Give at least one example.")
        sampler = RandomSampler(data, generator=torch.Generator()) if shuffle else None
        loader = DataLoader(cast("Dataset[Any]", data), batch_size, sampler=sampler, num_workers=num_workers)
    else:
        examples = data if isinstance(data, IterableDataset) else _Examples(data)
        loader = DataLoader(examples, batch_size, num_workers=num_workers)
    if batches_in(loader) == 0:
        raise ConfigError(f"{what} has no batches. Give more examples, or a smaller batch_size.")
    return loader


def batches_in(loader: DataLoader[Any]) -> int | None:
    """How many batches an epoch has; None where only reading tells."""
    try:
        return len(loader)
    except TypeError:
        return None


def rewind(loader: DataLoader[Any], seed: int, epoch: int) -> None:
    """Let all that decides about the order of a loader's batches begin an epoch."""
    parts: list[Any] = [loader, loader.dataset, loader.sampler]
    inner: Any = loader.batch_sampler
    while inner is not None:  # samplers of batches are built around others
        parts.append(inner)
        inner = getattr(inner, "batch_sampler", getattr(inner, "sampler", None))
    for part in parts:
        set_epoch = getattr(part, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)
        generator = getattr(part, "generator", None)
        if isinstance(generator, torch.Generator):
            with drawing_from(seed, epoch):
                generator.manual_seed(int(torch.randint(2**62, ())))


class Stream:
    """The batches of one epoch after the other, in each process its own.

    Random numbers that are drawn while a batch is read, by samplers or datasets, come from the seed, the epoch and
    the batch's number. So they neither disturb the model's own nor are disturbed by them, and a training that goes on
    in the middle of an epoch sees what it would have seen.
    """

    def __init__(self, loader: DataLoader[Any], seed: int, can_skip: bool, accelerator: Accelerator) -> None:
        """Make the stream; `open` comes next.

        Args:
            loader: makes the batches.
            seed: draws their order.
            can_skip: one batch can be read without those before it.
            accelerator: says which part of the batches is this process's.
        """
        self._whole = self._loader = loader
        self._seed = seed
        self._can_skip = can_skip and loader.num_workers == 0
        if accelerator.num_processes > 1:
            # The loader inside: the one around it reads a batch ahead, when it is not that batch's turn to draw.
            self._loader = accelerator.prepare_data_loader(loader, device_placement=False).base_dataloader
        self._iterator: Iterator[Any] = iter(())
        self._epoch = self._batch = 0

    @property
    def batches(self) -> int | None:
        """How many batches an epoch has in each process; None where only reading tells."""
        return batches_in(self._loader)

    def open(self, epoch: int, batch: int) -> None:
        """Go to a batch of an epoch; where that cannot be done at once, those before it are read again."""
        rewind(self._whole, self._seed, epoch)
        self._epoch = epoch
        self._batch = batch if self._can_skip else 0
        loader = skip_first_batches(self._loader, batch) if self._can_skip and batch else self._loader
        with drawing_from(self._seed, epoch, 0):
            self._iterator = iter(loader)
        while self._batch < batch and self.take(1):
            pass

    def take(self, count: int) -> list[Any]:
        """The next batches: fewer than `count` at the end of the epoch, and none after it."""
        taken = []
        for _ in range(count):
            with drawing_from(self._seed, self._epoch, self._batch + 1):
                batch = next(self._iterator, None)
            if batch is None:
                break
            taken.append(batch)
            self._batch += 1
        return taken
