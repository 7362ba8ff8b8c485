"""A step's requirements as the job variables of a work pool."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from orepass.requirements import Requirements

# Beside the step itself a job holds Prefect's processes and the one that looks after the step, and it has to start
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
    known = template.get("variables", {}).get("properties", {})
    return {name: value for name, value in _all(needs).items() if name in known} | dict(given)


def _all(needs: Requirements) -> dict[str, Any]:
    gib = round(needs.mem_gb + _MORE_GB, 3)
    variables: dict[str, Any] = {
        # our templates for Slurm and Kubernetes
        "cpus": needs.cpus,
        "gpus": needs.gpus,
        "mem_gb": gib,
        # Docker's own
        "mem_limit": f"{math.ceil(gib * 1024)}m",
        "nano_cpus": needs.cpus * 10**9,
    }
    if needs.timeout_min is not None:
        minutes = math.ceil(needs.timeout_min + _MORE_MIN)
        variables |= {"time_limit_min": minutes, "active_deadline_seconds": 60 * minutes}
    return variables
