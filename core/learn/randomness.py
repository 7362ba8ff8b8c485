"""Random numbers that do not depend on who else draws some."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class RandomState:
    """The states of the global generators of Python, NumPy and torch, and of the one on a device."""

    device: torch.device
    states: tuple[Any, Any, Any, Any]

    @classmethod
    def now(cls, device: torch.device) -> RandomState:
        """The states at this moment."""
        on_device = None if device.type == "cpu" else torch.get_device_module(device).get_rng_state()
        return cls(device, (random.getstate(), np.random.get_state(), torch.get_rng_state(), on_device))

    def restore(self) -> None:
        """Go back to these states."""
        of_python, of_numpy, of_torch, on_device = self.states
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        torch.set_rng_state(of_torch)
        if on_device is not None:
            torch.get_device_module(self.device).set_rng_state(on_device)


@contextlib.contextmanager
def drawing_from(*numbers: int) -> Iterator[None]:
    """Let the generators of the processor draw what these numbers, none negative, and nothing else decide.

    Afterwards they go on as if nothing had been drawn.
    """
    kept = RandomState.now(torch.device("cpu"))
    seed = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the devices, too
    try:
        yield
    finally:
        kept.restore()
