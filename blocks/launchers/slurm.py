"""The `slurm` launcher: steps run in Slurm jobs, which come and go as they are needed."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shlex
import sys
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from distributed import Security
from prefect.context import FlowRunContext
from prefect.logging.loggers import flow_run_logger
from prefect.task_runners import TaskRunner
from prefect_dask import DaskTaskRunner
from prefect_dask.task_runners import PrefectDaskFuture
from pydantic import Field

from orepass.attempts import RetryPolicy
from orepass.blocks.launchers._base import KillingLauncher
from orepass.blocks.launchers.certificate import make_certificate, remove_certificate
from orepass.blocks.launchers.dask_worker import StepWorker
from orepass.blocks.launchers.orders import settled
from orepass.blocks.launchers.slurm_cluster import JobCluster
from orepass.blocks.launchers.slurm_ends import explained
from orepass.blocks.launchers.slurm_leftovers import cancel_jobs_of_the_dead, comment_of_this_run
from orepass.blocks.launchers.slurm_limits import JobLimits
from orepass.blocks.slurm_gpus import gpus_of_a_node
from orepass.call import Call, Listener, Outcome
from orepass.requirements import Requirements
from orepass.store import ENVIRONMENT_VARIABLE, current_store

logger = logging.getLogger(__name__)
Logger = logging.Logger | logging.LoggerAdapter[Any]

_TEMPORARY = '"${TMPDIR:-/tmp}"'  # for the job's shell


class SlurmStepRunner(DaskTaskRunner):  # type: ignore[misc]
    """Runs scheduled steps in Slurm jobs made for their requirements; what is submitted, in jobs of the usual size."""

    def __init__(self, launcher: SlurmLauncher) -> None:
        super().__init__()
        self._launcher = launcher
        self._retry_policy = launcher.retry_policy(launcher.walltime_min)
        self._clusters: dict[Requirements, JobCluster] = {}
        self._making = threading.Lock()
        self._security: Security | None = None
        self._folder: Path | None = None

    def duplicate(self) -> SlurmStepRunner:
        """Another one with the same options."""
        return SlurmStepRunner(self._launcher)

    def __reduce__(self) -> Any:
        """Travel as options: Prefect sends the flow, and with it its task runner, along with what is submitted."""
        return SlurmStepRunner, (self._launcher,)

    def policy_for(self, needs: Requirements) -> RetryPolicy:
        """See `Workers`."""
        return self._retry_policy

    def __exit__(self, *exc_info: Any) -> None:
        """Cancel all jobs."""
        for cluster in self._clusters.values():
            cluster.close()
        self._clusters.clear()
        if self._folder is not None:
            remove_certificate(self._folder)
        super().__exit__(*exc_info)

    async def compute(self, call: Call, listener: Listener) -> Outcome:
        """Run one step in a job that has what it requires."""
        cluster = self._clusters.get(call.requirements)
        if cluster is None:
            cluster = await asyncio.to_thread(self._cluster_for, call.requirements, _run_logger())
        return await settled(call, explained(cluster.run(call, listener)))

    def submit(self, *args: Any, **kwargs: Any) -> PrefectDaskFuture[Any]:
        """See `DaskTaskRunner`."""
        cluster = self._cluster_for(Requirements(), _run_logger())
        self._client = cluster.prefect_client()
        # Dask's own tasks are none of ours to count: one job more for each that is not done yet.
        future: PrefectDaskFuture[Any] = super().submit(*args, **kwargs)
        cluster.count(future.wrapped_future)
        return future

    def _cluster_for(self, needs: Requirements, log: Logger) -> JobCluster:
        with self._making:
            if needs not in self._clusters:
                self._clusters[needs] = self._make_cluster(needs, log)
            return self._clusters[needs]

    def _make_cluster(self, needs: Requirements, log: Logger) -> JobCluster:
        options = self._launcher
        if self._folder is None:
            self._folder = self._make_folder()
            cancel_jobs_of_the_dead(log)
        limits = JobLimits.of(needs, options.walltime_min, options.lifetime_min, options.overhead_gb)
        cluster = JobCluster(
            str(limits),
            self._cluster_options(limits, self._folder),
            self._folder,
            self._security,
            options.max_jobs,
            options.idle_s,
            options.limit_memory,
            log,
            self._clusters.values(),
        )
        log.info("Dask dashboard of the jobs with %s: %s", limits, cluster.dashboard)
        return cluster

    def _make_folder(self) -> Path:
        context = FlowRunContext.get()
        run = str(context.flow_run.id) if context and context.flow_run else f"process-{os.getpid()}"
        folder = current_store().layout.jobs / run
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # the keys of the workers lie here
        if self._launcher.tls:
            self._security = make_certificate(folder)
        return folder

    def _cluster_options(self, limits: JobLimits, folder: Path) -> dict[str, Any]:
        options = self._launcher
        store = shlex.quote(str(current_store().root))
        stagger = min(options.lifetime_stagger_min, limits.lifetime_min / 2)
        return {
            "cores": 1,
            "processes": 1,
            "memory": 0,  # no limit of Dask's own: steps run in processes of theirs, and the job has a limit
            "job_cpu": limits.cpus,
            "job_mem": f"{limits.memory_mb}M",
            "walltime": str(limits.minutes),
            "queue": (options.gpu_partition if limits.gpus else None) or options.partition,
            "account": options.account,
            "job_name": "orepass",
            "nanny": False,
            # The worker is the job's own process, not a child of its shell: so Slurm waits for its end, and kills it.
            "python": f"exec {options.python or shlex.quote(sys.executable)}",
            "interface": options.interface,
            "death_timeout": 60,
            "local_directory": shlex.quote(options.local_directory) if options.local_directory else _TEMPORARY,
            "scheduler_options": {
                "dashboard_address": options.dashboard,
                **({"host": options.host} if options.host else {}),
            },
            "job_extra_directives": _directives(options, limits, folder),
            "job_script_prologue": [
                f"export {ENVIRONMENT_VARIABLE}={store}",
                f"export PYTHONPATH={shlex.quote(_own_path())}",
                "export DASK_LOGGING__DISTRIBUTED=info",  # this goes to the job's own log
                "export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False",
                *options.prologue,
            ],
            "worker_extra_args": [
                f"--worker-class {StepWorker.__module__}.{StepWorker.__qualname__}",
                f"--lifetime {max(1, round(60 * (limits.lifetime_min - stagger)))}s",
                f"--lifetime-stagger {round(60 * stagger)}s",
                "--no-dashboard",
                # With a scheduler that only this machine can reach, workers need not be reachable from others either.
                *([f"--host {options.host}"] if options.host and _is_loopback(options.host) else []),
            ],
        }


def _directives(options: SlurmLauncher, limits: JobLimits, folder: Path) -> list[str]:
    log = str(folder).replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')
    made = [f'--output="{log}/%j.log"', f'--error="{log}/%j.log"', f"--comment={comment_of_this_run()}"]
    made += [f"--qos={options.qos}"] if options.qos else []
    made += [f"--constraint={options.constraint}"] if options.constraint else []
    made += [f"--gres={options.gres.format(gpus=limits.gpus)}"] if limits.gpus else []
    return [*made, *options.directives]


def _own_path() -> str:
    """Where this process imports from, beside its Python's own folders: a script's own modules, for one."""
    pythons = (sys.prefix, sys.base_prefix)
    return os.pathsep.join(place for place in sys.path if place and not place.startswith(pythons))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _run_logger() -> Logger:
    """The logger of the flow run, so that its log tells of all jobs."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return logger
    return flow_run_logger(context.flow_run, context.flow)


class SlurmLauncher(KillingLauncher):
    """Slurm jobs: for every requirement as many as there are steps to run, each for one step after another.

    A job asks for the cores, the memory and the GPUs of its steps, and for their time; see `JobLimits`.

    Attributes:
        partition: where jobs are submitted; the cluster's default, if not given.
        gpu_partition: the same for steps with GPUs; `partition`, if not given.
        account: what jobs are charged to.
        qos: their quality of service.
        constraint: features that their nodes must have.
        gres: how GPUs are asked for, with `{gpus}` for their number, such as `gpu:a100:{gpus}`.
        directives: more arguments of sbatch, such as `--exclusive`.
        prologue: lines of shell that a job begins with, such as `module load cuda`.
        python: the Python on the nodes; the path of this one, if not given.
        walltime_min: the time limit of jobs whose steps have no `timeout_min`.
        lifetime_min: for how long a job takes new steps; the last one may finish.
        lifetime_stagger_min: by how much that differs among jobs, so that they do not all end at once.
        max_jobs: how many jobs there are at most for one requirement.
        idle_s: how long a job is kept that has nothing to do.
        overhead_gb: memory of a job on top of its step's, for the Dask worker.
        tls: whether connections are encrypted, and both sides show a certificate that is made for this run.
        host: the address of this machine that nodes can reach; found by itself, if not given.
        interface: or the network interface, such as `ib0`.
        dashboard: where Dask's dashboard listens.
        local_directory: a folder on the nodes for temporary files; the job's `$TMPDIR`, else `/tmp`, if not given.
    """

    _block_type_name = "orepass slurm launcher"

    limit_memory: bool = Field(default=True, description="Kill a step that uses more than its mem_gb.")
    retries: int = Field(default=2, ge=0, description="How often a step whose job died is started again.")
    growths: int = Field(default=2, ge=0, description="How often a step is given more time or memory.")

    partition: str | None = Field(default=None, description="Partition of the jobs.")
    gpu_partition: str | None = Field(default=None, description="Partition of jobs with GPUs.")
    account: str | None = Field(default=None, description="Account of the jobs.")
    qos: str | None = Field(default=None, description="Quality of service of the jobs.")
    constraint: str | None = Field(default=None, description="Features of the nodes.")
    gres: str = Field(default="gpu:{gpus}", description="How GPUs are asked for.")
    directives: list[str] = Field(default=[], description="More arguments of sbatch.")
    prologue: list[str] = Field(default=[], description="Lines of shell that a job begins with.")
    python: str | None = Field(default=None, description="Python on the nodes.")
    walltime_min: float = Field(default=1440, gt=0, description="Time limit of steps without a timeout_min.")
    lifetime_min: float = Field(default=60, gt=0, description="For how long a job takes new steps.")
    lifetime_stagger_min: float = Field(default=5, ge=0, description="By how much lifetimes differ.")
    max_jobs: int = Field(default=20, ge=1, description="Jobs at most, for one requirement.")
    idle_s: float = Field(default=60, gt=0, description="How long an idle job is kept.")
    overhead_gb: float = Field(default=0.5, ge=0, description="Memory on top of the step's.")
    tls: bool = Field(default=True, description="Encrypt connections and ask for certificates.")
    host: str | None = Field(default=None, description="Address of this machine for the nodes.")
    interface: str | None = Field(default=None, description="Network interface for the nodes.")
    dashboard: str = Field(default="127.0.0.1:0", description="Where the dashboard listens.")
    local_directory: str | None = Field(default=None, description="Temporary folder on the nodes.")

    def gpus_at_most(self) -> int | None:
        """See `Launcher`; None, too, where `directives` or `gres` may ask for something else."""
        asked = re.fullmatch(r"gpu:(?:([^:,]+):)?\{gpus\}", self.gres)
        if asked is None or self.directives:
            return None
        return gpus_of_a_node(self.gpu_partition or self.partition, asked[1])

    def task_runner(self) -> TaskRunner[Any]:
        """See `Launcher`."""
        runner: TaskRunner[Any] = SlurmStepRunner(self)
        return runner
