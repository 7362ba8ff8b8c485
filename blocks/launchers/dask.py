"""The `dask` launcher: a Dask cluster on this machine, or one that runs already."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Any

import distributed
from distributed.comm import connect
from prefect.task_runners import TaskRunner
from prefect_dask import DaskTaskRunner
from pydantic import Field

from orepass.attempts import RetryPolicy
from orepass.blocks.launchers._base import KillingLauncher
from orepass.blocks.launchers.dask_settings import cluster_settings
from orepass.blocks.launchers.dask_steps import DaskSteps
from orepass.blocks.launchers.orders import settled
from orepass.blocks.launchers.slots import count_gpus
from orepass.call import Call, Listener, Outcome
from orepass.errors import ConfigError
from orepass.machine import count_cpus
from orepass.requirements import Requirements
from orepass.store import ENVIRONMENT_VARIABLE, current_store


@dataclasses.dataclass(frozen=True)
class _Options:
    address: str | None
    workers: int
    cpus: int
    dashboard: str
    tls: dict[str, str] | None
    limit_memory: bool


class DaskStepRunner(DaskTaskRunner):  # type: ignore[misc]
    """prefect-dask's task runner, which also runs scheduled steps on its workers, as their requirements say."""

    def __init__(self, options: _Options, retry_policy: RetryPolicy) -> None:
        security = distributed.Security(require_encryption=True, **options.tls) if options.tls else None
        client_kwargs = {"security": security} if security else {}
        if options.address is not None:
            super().__init__(address=options.address, client_kwargs=client_kwargs)
        else:
            super().__init__(cluster_class=self._start_cluster, client_kwargs=client_kwargs)
        self._options = options
        self._security = security
        self._retry_policy = retry_policy
        self._steps: DaskSteps | None = None
        self._asking = asyncio.Lock()
        self._workers: list[dict[str, float]] = []

    def duplicate(self) -> DaskStepRunner:
        """Another one with the same options."""
        return DaskStepRunner(self._options, self._retry_policy)

    def policy_for(self, needs: Requirements) -> RetryPolicy:
        """See `Workers`."""
        return self._retry_policy

    def __exit__(self, *exc_info: Any) -> None:
        """Let go of the cluster, and end it if it is our own."""
        if self._steps is not None:
            self._steps.close()
        super().__exit__(*exc_info)

    async def compute(self, call: Call, listener: Listener) -> Outcome:
        """Run one step on a worker that has what it requires."""
        async with self._asking:  # the first asks for all who come meanwhile
            if self._steps is None:
                if self._options.address is not None:
                    await self._knock(self._options.address)
                self._steps = await asyncio.to_thread(self._connect)
            resources = await self._resources(call)
        return await settled(call, self._steps.run(call, listener, resources))

    async def _knock(self, address: str) -> None:
        """See that a scheduler takes us, before there is a client.

        One that fails to connect is closed by the garbage collector, at any time: in the start of another client, where
        Dask holds a lock, both wait for ever.
        """
        try:
            comm = await connect(address, **(self._security or distributed.Security()).get_connection_args("client"))
        except Exception as error:  # an OSError; without a certificate a TypeError, with a wrong one an AssertionError
            raise ConfigError(
                f"No Dask scheduler takes us at {address}: {error!r}. Correct launcher.address; start one with "
                "`dask scheduler`; if it asks for TLS, give launcher.tls_ca_file, tls_cert and tls_key."
            ) from error
        await comm.close()

    def _connect(self) -> DaskSteps:
        own = self._options.address is None
        share = self._options.workers if own else 1
        return DaskSteps(self.client, share=share, limit_memory=self._options.limit_memory)

    def _start_cluster(self, **_: Any) -> distributed.LocalCluster:
        options = self._options
        with cluster_settings(distributed__worker__daemon=False):
            return distributed.LocalCluster(
                n_workers=options.workers,
                threads_per_worker=options.cpus,
                host="127.0.0.1",
                dashboard_address=options.dashboard,
                security=self._security or distributed.Security(),
                env={ENVIRONMENT_VARIABLE: str(current_store().root)},
            )

    async def _resources(self, call: Call) -> dict[str, float]:
        """What a step takes of a worker: all cores, where it asks for more; but never fewer GPUs or less memory."""
        needs = call.requirements
        fitting = [worker for worker in self._workers if _can_hold(worker, needs)]
        if not fitting:  # others may have come since
            self._workers = await asyncio.to_thread(self._ask_for_workers)
            fitting = [worker for worker in self._workers if _can_hold(worker, needs)]
        if not fitting:
            has = "; ".join(sorted({f"{one['gpus']:g} and {one['mem_gb']:.1f}" for one in self._workers}))
            raise ConfigError(
                f"{call.step.label} asks for {needs.gpus} GPU(s) and {needs.mem_gb:g} GiB of memory, and no Dask "
                f"worker has that much. They have: {has}."
            )
        wanted = {"cpus": min(needs.cpus, max(worker["cpus"] for worker in fitting)), "gpus": needs.gpus}
        memory_counts = all(math.isfinite(worker["mem_gb"]) for worker in fitting)
        return wanted | ({"mem_gb": needs.mem_gb} if memory_counts else {})

    def _ask_for_workers(self) -> list[dict[str, float]]:
        """The resources of each worker, once there is one."""
        # Not client.scheduler_info(): what it returns, the client itself replaces every two seconds, without workers.
        identity = self.client.scheduler.identity
        while not (workers := self.client.sync(identity, n_workers=-1)["workers"]):
            self.logger.info("No Dask worker is there yet; waiting for one")
            self.client.wait_for_workers(1)
        default = {"cpus": 1, "gpus": 0, "mem_gb": math.inf}
        offers = [worker["resources"] for worker in workers.values()]
        return [{name: offer.get(name, none) for name, none in default.items()} for offer in offers]


def _can_hold(worker: Mapping[str, float], needs: Requirements) -> bool:
    return worker["gpus"] >= needs.gpus and worker["mem_gb"] >= needs.mem_gb


class DaskLauncher(KillingLauncher):
    """Dask: a cluster on this machine that lives as long as the flow, or the one at an address.

    Attributes:
        address: of a scheduler, such as `tcp://host:8786`; if not given, a cluster is started here.
        workers: how many worker processes are started here; each step has a process of its own in any case.
        cpus: how many cores each of them gives to steps; its share of all, if not given.
        dashboard: where the dashboard of a cluster that is started here listens.
        tls_ca_file: the certificate of who has signed the others; with the next two, all connections are encrypted
            and both sides have to show a certificate.
        tls_cert: the certificate.
        tls_key: its key.
    """

    _block_type_name = "orepass dask launcher"

    retries: int = Field(default=2, ge=0, description="How often a step whose worker died is started again.")

    address: str | None = Field(default=None, description="The address of a scheduler that runs already.")
    workers: int = Field(default=1, ge=1, description="Worker processes to start.")
    cpus: int | None = Field(default=None, ge=1, description="Cores of each worker.")
    dashboard: str = Field(default="127.0.0.1:0", description="Where the dashboard listens.")
    tls_ca_file: str | None = Field(default=None, description="The authority's certificate.")
    tls_cert: str | None = Field(default=None, description="The certificate.")
    tls_key: str | None = Field(default=None, description="The certificate's key.")

    def gpus_at_most(self) -> int | None:
        """See `Launcher`; what another's cluster has it says when it is asked for a step."""
        return math.ceil(count_gpus() / self.workers) if self.address is None else None

    def task_runner(self) -> TaskRunner[Any]:
        """See `Launcher`."""
        given = {"tls_ca_file": self.tls_ca_file, "tls_cert": self.tls_cert, "tls_key": self.tls_key}
        tls = {name: os.path.expanduser(path) for name, path in given.items() if path is not None}
        if tls and len(tls) < len(given):
            missing = ", ".join(name for name in given if name not in tls)
            raise ConfigError(f"For TLS all three files are needed; {missing} is missing.")
        if tls:
            tls = {"tls_ca_file": tls["tls_ca_file"]} | {
                f"tls_{role}_{part}": tls[f"tls_{part}"]
                for role in ("client", "scheduler", "worker")
                for part in ("cert", "key")
            }
        cpus = self.cpus or max(1, count_cpus() // self.workers)
        options = _Options(self.address, self.workers, cpus, self.dashboard, tls or None, self.limit_memory)
        runner: TaskRunner[Any] = DaskStepRunner(options, self.retry_policy())
        return runner
