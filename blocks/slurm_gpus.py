"""How many GPUs the nodes of a Slurm partition have."""

from __future__ import annotations

import os
import re

from orepass.blocks.slurm_command import run_slurm
from orepass.errors import SlurmError

_GPU = re.compile(r"\bgpu:(?:([^:,(]+):)?(\d+)")  # gpu:2, gpu:a100:4(S:0-1)


def gpus_of_a_node(partition: str | None, kind: str | None) -> int | None:
    """The most GPUs that one node of a partition has.

    Args:
        partition: its name, or several with commas; that of jobs which name none, if not given.
        kind: of which type, such as `a100`; of any, if not given.

    Returns:
        Their number; None if Slurm does not answer, or has no such partition.
    """
    try:
        said = run_slurm("sinfo", "--noheader", "--all", "--format=%P|%G", patience_s=0)
    except SlurmError:
        return None
    named = partition or os.environ.get("SBATCH_PARTITION")
    wanted = named.split(",") if named else None
    counts = []
    for line in said.splitlines():
        name, _, resources = line.partition("|")
        if name.endswith("*") if wanted is None else name.removesuffix("*") in wanted:
            counts.append(sum(int(count) for of, count in _GPU.findall(resources) if kind in (None, of)))
    return max(counts, default=None)
