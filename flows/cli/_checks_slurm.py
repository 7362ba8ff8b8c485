"""Slurm: whether its commands are here, its controller answers, and it keeps accounts."""

from __future__ import annotations

import re
import shutil

from orepass.flows.cli._checks import Finding, ask

_NEEDED = ("sbatch", "squeue", "scancel")
_NOT_CONFIGURED = "configuration source"


def check_slurm(within_s: float = 8.0) -> list[Finding]:
    """Look for Slurm, and ask its controller; none there is no trouble.

    Args:
        within_s: how long to wait for the controller. Slurm's own commands try for longer.
    """
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing == list(_NEEDED):
        return [Finding("Slurm", "ok", "none here, so launcher=slurm cannot be used")]
    if missing or shutil.which("scontrol") is None:
        found = f"no {', '.join(missing or ['scontrol'])} on the PATH"
        return [Finding("Slurm", "warning", found, "Install all of Slurm's commands to use launcher=slurm.")]
    said = ask("scontrol", "show", "config", within_s=within_s)
    if said.code != 0:
        return [_silent(said.err)]
    config = dict(re.findall(r"^(\w+)\s*= (.*?)\s*$", said.out, re.MULTILINE))
    cluster = f"Slurm {config.get('SLURM_VERSION')}, cluster {config.get('ClusterName')}: the controller answers"
    return [Finding("Slurm", "ok", cluster), _partitions(), _accounts(config)]


def _silent(said: str) -> Finding:
    last = said.rpartition("\n")[2]
    if _NOT_CONFIGURED in said:
        remedy = "To use launcher=slurm, set SLURM_CONF or install the cluster's slurm.conf."
        return Finding("Slurm", "warning", f"commands, but no configuration of a cluster: {last}", remedy)
    remedy = "See `scontrol ping`, and ask who runs the cluster."
    return Finding("Slurm", "trouble", f"the controller does not answer: {last}", remedy)


def _partitions() -> Finding:
    said = ask("sinfo", "--noheader", "--format=%P %a %D")
    rows = [line.split() for line in said.out.splitlines()]
    up = [f"{name} ({nodes} nodes)" for name, state, nodes in rows if state == "up"]
    if said.code != 0 or not up:
        found = said.err or f"none is up of {', '.join(name for name, _, _ in rows) or 'none'}"
        return Finding("Slurm's partitions", "warning", found, "Ask who runs the cluster.")
    return Finding("Slurm's partitions", "ok", ", ".join(up))


def _accounts(config: dict[str, str]) -> Finding:
    if "slurmdbd" not in config.get("AccountingStorageType", ""):
        found = f"none: how a job ended is known for MinJobAge ({config.get('MinJobAge')})"
        return Finding("Slurm's accounts", "ok", found)
    if shutil.which("sacct") is None:
        return Finding("Slurm's accounts", "warning", "kept, but there is no sacct on the PATH", "Install sacct.")
    said = ask("sacct", "--noheader", "--allocations", "--starttime=now")
    if said.code != 0:
        return Finding("Slurm's accounts", "warning", f"sacct fails: {said.err}", "Ask who runs the cluster.")
    return Finding("Slurm's accounts", "ok", "kept, and sacct answers")
