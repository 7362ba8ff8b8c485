"""The environment variables that tell a replica which one it is; every scheduler sets all that it can tell.

`orepass.runtime.replica` reads them, and any other program can.
"""

from __future__ import annotations

APP = "OREPASS_APP"
"""The app's handle, `scheduler://session/app_id`."""

ROLE = "OREPASS_ROLE"
"""The name of the replica's role."""

REPLICA = "OREPASS_REPLICA"
"""Its number in the role, from 0; one that is started again keeps it."""

NUM_REPLICAS = "OREPASS_NUM_REPLICAS"
"""How many replicas the role has."""

RANK0_HOST = "OREPASS_RANK0_HOST"
"""The host of replica 0 of the first role; the macro `${rank0_env}` stands for this name."""

ATTEMPT = "OREPASS_ATTEMPT"
"""How often the replica was started before; not set where nobody counts."""


def replica_environment(
    handle: str, role: str, replica: int, num_replicas: int, rank0_host: str, attempt: int = 0
) -> dict[str, str]:
    """What a scheduler adds to the environment of one replica.

    Args:
        handle: the app's handle.
        role: the name of its role.
        replica: its number in the role, from 0.
        num_replicas: how many replicas the role has.
        rank0_host: the host of replica 0 of the app's first role.
        attempt: how often the replica was started before.
    """
    return {
        APP: handle,
        ROLE: role,
        REPLICA: str(replica),
        NUM_REPLICAS: str(num_replicas),
        RANK0_HOST: rank0_host,
        ATTEMPT: str(attempt),
    }
