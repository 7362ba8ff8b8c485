"""A command as a job of Slurm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, Field

from orepass.blocks.slurm_batch import sbatch, submitters_environment

_LOGS = Path("~/.orepass/slurm-logs")


class JobOptions(BaseModel):
    """What can be said about a job."""

    partition: str | None = Field(default=None, description="The partition; the cluster's default, if not given.")
    account: str | None = Field(default=None, description="The account that is charged.")
    qos: str | None = Field(default=None, description="The quality of service.")
    constraint: str | None = Field(default=None, description="Features that the node must have.")
    cpus: int = Field(default=1, ge=1, description="Cores.")
    mem_gb: float | None = Field(default=None, gt=0, description="Memory in GiB; the cluster's default, if not given.")
    gpus: int = Field(default=0, ge=0, description="GPUs.")
    gpu_type: str | None = Field(default=None, description="The type of GPU, as gres.conf calls it.")
    gres: str | None = Field(default=None, description="Further generic resources, such as 'shm:1'.")
    time_limit_min: int | None = Field(
        default=None, ge=1, description="Minutes after which Slurm ends the job; the partition's, if not given."
    )
    directives: list[str] = Field(default_factory=list, description="Further options of sbatch, such as '--nice=10'.")
    prologue: list[str] = Field(
        default_factory=list, description="Lines of shell that come before the command, such as 'module load cuda'."
    )
    working_dir: str | None = Field(default=None, description="Where the command runs; where the worker does, if not.")
    log_folder: str = Field(default=str(_LOGS), description="Where the output of jobs goes, on all nodes.")


def submit(
    options: JobOptions, command: str, environment: Mapping[str, str], name: str, comment: str
) -> tuple[str, Path]:
    """Submit a job.

    The environment travels as such, so that its values may be of any form and are seen by nobody else: not on a
    command line, not in the script.

    Args:
        options: what is asked of Slurm.
        command: a line of shell.
        environment: variables beside those of this process.
        name: what the job is called; characters that a listing cannot show are replaced.
        comment: of the job.

    Returns:
        The job's id, and the file that its output goes to.

    Raises:
        SlurmError: Slurm refuses it or does not answer.
    """
    folder = Path(options.log_folder).expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [*_arguments(options), f"--job-name={_printable(name)}", f"--comment={comment}"]
    arguments += [f"--output={_literal(folder)}/%j.log", *options.directives]
    script = "\n".join(["#!/bin/bash", *options.prologue, command, ""])
    job_id = sbatch(*arguments, what=name, environment=submitters_environment() | dict(environment), script=script)
    return job_id, folder / f"{job_id}.log"


def _arguments(options: JobOptions) -> list[str]:
    gpus = ":".join(["gpu", *([options.gpu_type] if options.gpu_type else []), str(options.gpus)])
    gres = [*([gpus] if options.gpus else []), *([options.gres] if options.gres else [])]
    values = {
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "constraint": options.constraint,
        "cpus-per-task": options.cpus,
        "mem": None if options.mem_gb is None else f"{round(options.mem_gb * 1024)}M",
        "gres": ",".join(gres) or None,
        "time": options.time_limit_min,
        "chdir": options.working_dir,
    }
    # A run that begins again by itself would find its half-done work; whoever wanted it starts a new one.
    fixed = ["--export=ALL", "--no-requeue", "--nodes=1", "--ntasks=1", "--open-mode=append"]
    return [*fixed, *(f"--{name}={value}" for name, value in values.items() if value is not None)]


def _printable(name: str) -> str:
    return re.sub(r"[^\w.:\[\]-]", "_", name)[:100]


def _literal(folder: Path) -> str:
    """A path as sbatch reads it literally: it fills in what follows a % unless that is doubled."""
    return str(folder).replace("%", "%%")
