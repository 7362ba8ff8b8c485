"""Which replica of an app this process is."""

from __future__ import annotations

import os
from dataclasses import dataclass

from orepass.errors import ConfigError
from orepass.specs import replica_environment as variables


@dataclass(frozen=True)
class Replica:
    """A replica of an app; by default what a process is that no scheduler has started.

    Attributes:
        handle: the app's handle, `scheduler://session/app_id`; empty outside of any app.
        role: the name of its role; empty outside of any app.
        replica_id: its number in the role, from 0; one that is started again keeps it.
        num_replicas: how many replicas the role has.
        rank0_host: the host of replica 0 of the app's first role.
        attempt: how often it was started before; 0 where the scheduler does not tell.
    """

    handle: str = ""
    role: str = ""
    replica_id: int = 0
    num_replicas: int = 1
    rank0_host: str = "localhost"
    attempt: int = 0

    @property
    def scheduler(self) -> str:
        """The name of the scheduler; empty outside of any app."""
        return self.handle.partition("://")[0]

    @property
    def session(self) -> str:
        """Whose app it is; empty outside of any app."""
        return self.handle.partition("://")[2].partition("/")[0]

    @property
    def app_id(self) -> str:
        """What the scheduler calls the app; empty outside of any app."""
        return self.handle.rpartition("/")[2]


def replica() -> Replica:
    """Which replica this process is, from the environment that its scheduler gave it.

    Raises:
        ConfigError: a variable that has to be a number is none.
    """
    nobody = Replica()
    return Replica(
        handle=os.environ.get(variables.APP, nobody.handle),
        role=os.environ.get(variables.ROLE, nobody.role),
        replica_id=_number(variables.REPLICA, nobody.replica_id),
        num_replicas=_number(variables.NUM_REPLICAS, nobody.num_replicas),
        rank0_host=os.environ.get(variables.RANK0_HOST) or nobody.rank0_host,
        attempt=_number(variables.ATTEMPT, nobody.attempt),
    )


def _number(variable: str, otherwise: int) -> int:
    text = os.environ.get(variable)
    try:
        return int(text) if text else otherwise
    except ValueError:
        raise ConfigError(
            f"${variable} is {text!r}, which is no number. Schedulers set it; unset it to run outside of any app."
        ) from None
