"""Components whose replicas work together."""

from __future__ import annotations

import re
from pathlib import Path

from orepass.errors import ConfigError
from orepass.specs import AppDef, Role, macros, parse_mounts, resource

_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")


def ddp(
    *script_args: str,
    script: str | None = None,
    m: str | None = None,
    image: str = "",
    name: str | None = None,
    h: str | None = None,
    cpu: int = 2,
    gpu: int = 0,
    memMB: int = 1024,
    j: str = "1x2",
    env: dict[str, str] | None = None,
    max_retries: int = 0,
    rdzv_port: int = 29500,
    rdzv_backend: str = "c10d",
    mounts: list[str] | None = None,
) -> AppDef:
    """Run a distributed PyTorch program, such as one of distributed data parallel training, with torchrun.

    Every node runs one torchrun, which has to be on its PATH, and that starts the processes of the node; they find
    one another through the first node.

    Args:
        script_args: arguments of the program, each of which is taken as it is.
        script: the program's file; give this or m.
        m: the program's module.
        image: the folder or container image to run in; the current folder, if empty.
        name: the app's name; that of the script or module, if not given.
        h: the name of a resource, which wins over cpu, gpu and memMB.
        cpu: processor cores of each node.
        gpu: graphics processors of each node.
        memMB: main memory of each node in MB.
        j: nodes x processes on each of them, such as 2x4; a number alone is that of processes on one node.
        env: environment variables, such as A=1,B=2.
        max_retries: how often the program is started again when it fails.
        rdzv_port: the port of the first node at which the others find it; one node takes any free port.
        rdzv_backend: how torchrun lets the nodes find one another.
        mounts: what is mounted, such as type=bind,src=/data,dst=/data,readonly.
    """
    if (script is None) == (m is None):
        raise ConfigError("dist.ddp takes exactly one of --script FILE and --m MODULE.")
    nnodes, nproc_per_node = _nodes_and_processes(j)
    stem = _NOT_IN_A_NAME.sub("-", Path(script).stem if script is not None else str(m).rpartition(".")[2]) or "ddp"
    # The shell is there for the endpoint alone, which only the node knows. All else are arguments that it hands on.
    command = f'exec torchrun --rdzv_endpoint "{_endpoint(nnodes, rdzv_port)}" "$@"'
    options = [
        f"--rdzv_backend={rdzv_backend}",
        f"--rdzv_id={macros.app_id}",
        f"--nnodes={nnodes}",
        f"--nproc_per_node={nproc_per_node}",
    ]
    program = [script] if script is not None else ["-m", str(m)]
    role = Role(
        name=stem,
        image=image,
        entrypoint="sh",
        args=["-c", command, "sh", *options, *program, *script_args],
        env=env or {},
        num_replicas=nnodes,
        max_retries=max_retries,
        resource=resource(cpu, gpu, memMB, h),
        port_map={"c10d": rdzv_port},
        mounts=parse_mounts(mounts or []),
    )
    return AppDef(name or stem, [role])


def _endpoint(nnodes: int, port: int) -> str:
    """Where torchrun meets the others; on one node, the free port that it looks for itself."""
    if nnodes == 1:
        return "localhost:0"
    # `$$` is a `$` that is no macro's: `${NAME:-localhost}:29500` remains, for schedulers that do not tell rank 0.
    return f"$${{{macros.rank0_env}:-localhost}}:{port}"


def _nodes_and_processes(j: str) -> tuple[int, int]:
    match = re.fullmatch(r"(?:(\d+)x)?(\d+)", j)
    numbers = (int(match[1] or 1), int(match[2])) if match else (0, 0)
    if 0 in numbers:
        raise ConfigError(f"dist.ddp: j={j!r}. Write nodes x processes on each of them, such as 2x4.")
    return numbers
