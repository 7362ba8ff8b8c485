"""How a local app stands: what its supervisor writes down, and others read."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from orepass.atomic import write_atomically
from orepass.claims import Owner
from orepass.specs.states import AppState, AppStatus, ReplicaStatus, RoleStatus, is_terminal

_FILE = "state.json"


@dataclass
class ReplicaRecord:
    """One replica.

    Attributes:
        role: its role's name.
        id: its number in the role.
        state: how it stands.
        exit_code: what it ended with; 128 and a signal's number, if one ended it.
        process: the last process that it was.
    """

    role: str
    id: int
    state: AppState = AppState.PENDING
    exit_code: int | None = None
    process: Owner | None = None


@dataclass
class LocalState:
    """How an app stands.

    Attributes:
        supervisor: the process that looks after it.
        replicas: all of them.
        state: how it stands as a whole.
        num_restarts: how often something of it was started again.
        msg: what there is to say of it.
    """

    supervisor: Owner
    replicas: list[ReplicaRecord] = field(default_factory=list)
    state: AppState = AppState.PENDING
    num_restarts: int = 0
    msg: str = ""

    def save(self, folder: Path) -> None:
        """Write it into the app's folder."""
        write_atomically(folder / _FILE, orjson.dumps(asdict(self)), durable=False)

    @classmethod
    def load(cls, folder: Path) -> LocalState | None:
        """Read it from the app's folder; None if there is none yet, or a power cut has left none."""
        try:
            document = orjson.loads((folder / _FILE).read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        replicas = [
            ReplicaRecord(
                one["role"],
                one["id"],
                AppState(one["state"]),
                one["exit_code"],
                one["process"] and Owner(**one["process"]),
            )
            for one in document["replicas"]
        ]
        supervisor = Owner(**document["supervisor"])
        return cls(supervisor, replicas, AppState(document["state"]), document["num_restarts"], document["msg"])

    def abandoned(self) -> bool:
        """Whether the supervisor died before the app had ended."""
        return not is_terminal(self.state) and self.supervisor.alive() is False

    def end_what_is_left(self) -> None:
        """Kill the replicas that a dead supervisor has left behind."""
        for replica in self.replicas:
            if replica.process is not None and replica.process.alive():
                with contextlib.suppress(OSError):
                    os.killpg(replica.process.pid, signal.SIGKILL)

    def status(self) -> AppStatus:
        """The same as others want it."""
        roles = {replica.role: [] for replica in self.replicas}  # type: dict[str, list[ReplicaStatus]]
        for one in self.replicas:
            host = "" if one.process is None else one.process.host
            roles[one.role].append(ReplicaStatus(one.id, one.state, one.role, host, one.exit_code))
        statuses = tuple(RoleStatus(role, tuple(replicas)) for role, replicas in roles.items())
        return AppStatus(self.state, self.num_restarts, self.msg, statuses)


@contextlib.contextmanager
def supervising(folder: Path) -> Iterator[bool]:
    """Whether this process is the first one to look after the app of a folder; no other one can be, meanwhile."""
    with (folder / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield LocalState.load(folder) is None
