"""What a Slurm job asks for, made of what its steps require."""

from __future__ import annotations

import math
from dataclasses import dataclass

from orepass.requirements import Requirements


@dataclass(frozen=True)
class JobLimits:
    """The limits of the jobs of one requirement.

    Attributes:
        cpus: cores.
        memory_mb: MiB.
        gpus: GPUs.
        minutes: the time limit.
        lifetime_min: for how long a job takes new steps.
    """

    cpus: int
    memory_mb: int
    gpus: int
    minutes: int
    lifetime_min: float

    @classmethod
    def of(cls, needs: Requirements, walltime_min: float, lifetime_min: float, overhead_gb: float) -> JobLimits:
        """The limits for steps with a requirement.

        A job runs step after step, and a step that begins at the end of its lifetime shall still have its whole
        `timeout_min`: so the limit is the sum of the two. It goes above `walltime_min` only for a step that has a
        longer `timeout_min`; such a job takes one step.

        Args:
            needs: of the steps.
            walltime_min: the limit of a job whose steps have no `timeout_min`.
            lifetime_min: for how long a job is to take new steps.
            overhead_gb: memory for the Dask worker itself, on top of the step's.
        """
        if needs.timeout_min is None:
            minutes, lifetime = walltime_min, min(lifetime_min, walltime_min / 2)
        else:
            minutes = max(needs.timeout_min, min(walltime_min, needs.timeout_min + lifetime_min))
            lifetime = minutes - needs.timeout_min
        return cls(
            cpus=needs.cpus,
            memory_mb=math.ceil((needs.mem_gb + overhead_gb) * 1024),
            gpus=needs.gpus,
            minutes=math.ceil(minutes),
            lifetime_min=lifetime,
        )

    def __str__(self) -> str:
        gpus = f", {self.gpus} GPU(s)" if self.gpus else ""
        return f"{self.cpus} core(s), {self.memory_mb} MiB{gpus}, {self.minutes} min"
