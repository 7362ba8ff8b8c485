"""What is said of Prefect work pools, by all that sends runs there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prefect.client.schemas.objects import Worker, WorkerStatus, WorkPool

from orepass.errors import ConfigError, did_you_mean

PULL_NOTHING = [{"prefect.deployments.steps.set_working_directory": {"directory": "/"}}]
"""Pull steps of deployments; without any Prefect copies all of the folder that a worker or job runs in."""


def no_such_pool(name: str, others: Iterable[str]) -> ConfigError:
    """The error of a pool that the server does not have."""
    return ConfigError(
        f"No work pool {name!r} on this Prefect server. {did_you_mean(name, others)} Make it with: "
        f"python -m orepass.deployments.work_pools {name} --type process|docker|kubernetes|orepass-slurm"
    )


def why_it_waits(pool: WorkPool, workers: Iterable[Worker]) -> Iterator[str]:
    """What a person has to do before any run begins in a pool."""
    if pool.is_paused:
        yield f"The work pool {pool.name!r} is paused. Let it go on with: prefect work-pool resume {pool.name}"
    if not any(worker.status is WorkerStatus.ONLINE for worker in workers):
        yield (
            f"No worker is online in the work pool {pool.name!r}. Start one where its runs are to run: "
            f"prefect worker start --pool {pool.name} --type {pool.type}"
        )
