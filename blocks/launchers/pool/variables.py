"""What a step or an app needs, as the job variables of a work pool."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from orepass.requirements import Requirements
from orepass.specs import Resource

# Beside the step or the app a job holds Prefect's processes and the one that looks after a step, and it has to start
# and to store the result.
_MORE_GB = 1.0
_MORE_MIN = 5.0


def job_variables(needs: Requirements, template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The job variables of one step's run.

    Args:
        needs: what the step needs.
        template: the pool's base job template; variables that it does not have are left out.
        given: variables that the launcher sets for all steps; they win.
    """
    return _those_of(template, _variables(needs.cpus, needs.gpus, needs.mem_gb, needs.timeout_min)) | dict(given)


def resource_variables(needs: Resource, template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The same for one replica of an app; what its resource leaves to the scheduler is left to the pool."""
    mem_gb = needs.memMB / 1024 if needs.memMB > 0 else None
    variables = _variables(needs.cpu if needs.cpu > 0 else None, needs.gpu if needs.gpu >= 0 else None, mem_gb, None)
    return _those_of(template, variables) | dict(given)


def known_variables(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables that a pool's base job template has, by name, with their schemas."""
    known: Mapping[str, Any] = template.get("variables", {}).get("properties", {})
    return known


def _those_of(template: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    known = known_variables(template)
    return {name: value for name, value in variables.items() if name in known}


def _variables(cpus: int | None, gpus: int | None, mem_gb: float | None, timeout_min: float | None) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    # `cpus`, `gpus` and `mem_gb` are our templates' for Slurm and Kubernetes, the others Docker's own.
    if cpus is not None:
        variables |= {"cpus": cpus, "nano_cpus": cpus * 10**9}
    if gpus is not None:
        variables["gpus"] = gpus
    if mem_gb is not None:
        gib = round(mem_gb + _MORE_GB, 3)
        variables |= {"mem_gb": gib, "mem_limit": f"{math.ceil(gib * 1024)}m"}
    if timeout_min is not None:
        minutes = math.ceil(timeout_min + _MORE_MIN)
        variables |= {"time_limit_min": minutes, "active_deadline_seconds": 60 * minutes}
    return variables
