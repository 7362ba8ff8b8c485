"""What a step needs of the machine it runs on."""

from __future__ import annotations

from dataclasses import dataclass

from orepass.errors import ConfigError


@dataclass(frozen=True)
class Requirements:
    """What one run of a module needs; a launcher decides with it where a step lands.

    Requirements are no part of a configuration, so they never change a cache key.

    Attributes:
        cpus: processor cores.
        gpus: graphics processors.
        mem_gb: main memory in GiB.
        timeout_min: minutes after which the step is killed; None for no limit. A `timeout_min` that is written
            in a configuration wins over this one.
    """

    cpus: int = 1
    gpus: int = 0
    mem_gb: float = 2.0
    timeout_min: float | None = None

    def __post_init__(self) -> None:
        if self.cpus < 1 or self.gpus < 0 or self.mem_gb <= 0:
            raise ConfigError(f"{self}: cpus must be at least 1, gpus at least 0 and mem_gb above 0.")
        if self.timeout_min is not None and self.timeout_min <= 0:
            raise ConfigError(f"{self}: timeout_min must be above 0; leave it out for no limit.")
