"""The cores and GPUs of a machine, handed out to steps so that nothing is used twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from orepass.errors import ConfigError
from orepass.requirements import Requirements


@dataclass(frozen=True)
class Slot:
    """What a step may use.

    Attributes:
        cpus: how many cores.
        gpus: the ids of its GPUs.
    """

    cpus: int
    gpus: tuple[str, ...]


class Slots:
    """Counts cores and GPUs. Steps wait in line, so that a large one is not overtaken for ever by small ones."""

    def __init__(self, cpus: int, gpus: int) -> None:
        self._cpus = self._all_cpus = cpus
        visible = gpu_ids()
        if visible and gpus > len(visible):
            raise ConfigError(f"gpus={gpus}, but only {len(visible)} can be seen here: {', '.join(visible)}.")
        self._gpus = visible[:gpus] or [str(i) for i in range(gpus)]
        self._all_gpus = gpus
        self._line = asyncio.Lock()
        self._freed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def taken(self, needs: Requirements, label: str) -> AsyncIterator[Slot]:
        """Wait for what a step needs, and hold it.

        A step that asks for more cores than there are gets all of them: it is slower, but it is right.

        Raises:
            ConfigError: the step asks for more GPUs than there are.
        """
        if needs.gpus > self._all_gpus:
            raise ConfigError(
                f"{label} asks for {needs.gpus} GPU(s), and this machine has {self._all_gpus} to give. Run it where "
                "there are more, or configure the step not to use a GPU."
            )
        cpus = min(needs.cpus, self._all_cpus)
        async with self._line, self._freed:
            await self._freed.wait_for(lambda: self._cpus >= cpus and len(self._gpus) >= needs.gpus)
            self._cpus -= cpus
            gpus, self._gpus = self._gpus[: needs.gpus], self._gpus[needs.gpus :]
        try:
            yield Slot(cpus, tuple(gpus))
        finally:
            async with self._freed:
                self._cpus += cpus
                self._gpus = gpus + self._gpus
                self._freed.notify_all()


def count_gpus() -> int:
    """The NVIDIA GPUs that this process may use."""
    return len(gpu_ids())


def gpu_ids() -> list[str]:
    """What CUDA_VISIBLE_DEVICES says, else the NVIDIA devices of this machine."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name and name != "-1"]
    devices = sorted(int(path.name.removeprefix("nvidia")) for path in Path("/dev").glob("nvidia[0-9]*"))
    return [str(number) for number in devices]
