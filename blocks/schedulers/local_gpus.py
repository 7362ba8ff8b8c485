"""Which GPUs of this machine the replicas of an app see."""

from __future__ import annotations

import logging

from orepass.blocks.launchers.slots import gpu_ids
from orepass.specs import AppDef

logger = logging.getLogger(__name__)


def gpus_of_replicas(app: AppDef) -> dict[tuple[str, int], dict[str, str]]:
    """`CUDA_VISIBLE_DEVICES` by role and replica, so that no two replicas share a device.

    Where there are fewer devices than all replicas ask for, nothing is said to them: an app that can do without them,
    or share them, still runs on a laptop.
    """
    devices = gpu_ids()
    dealt: dict[tuple[str, int], dict[str, str]] = {}
    if _wanted(app) > len(devices):
        return dealt
    for role in app.roles:
        for number in range(role.num_replicas if role.resource.gpu > 0 else 0):
            own, devices = devices[: role.resource.gpu], devices[role.resource.gpu :]
            dealt[role.name, number] = {"CUDA_VISIBLE_DEVICES": ",".join(own)}
    return dealt


def warn_of_too_few_gpus(app: AppDef) -> None:
    """Log a warning where there are fewer devices than all replicas ask for."""
    wanted, there = _wanted(app), len(gpu_ids())
    if wanted > there:
        logger.warning("The app %r asks for %d GPU(s), and %d can be seen here.", app.name, wanted, there)


def _wanted(app: AppDef) -> int:
    return sum(role.num_replicas * max(0, role.resource.gpu) for role in app.roles)
