"""How an app stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from orepass.errors import AppError


class AppState(int, Enum):
    """The states of an app and of its replicas, TorchX's eight."""

    UNSUBMITTED = 0
    SUBMITTED = 1
    PENDING = 2
    RUNNING = 3
    SUCCEEDED = 4
    FAILED = 5
    CANCELLED = 6
    UNKNOWN = 7

    def __str__(self) -> str:
        return self.name


ReplicaState = AppState


def is_terminal(state: AppState) -> bool:
    """Whether nothing follows any more."""
    return state in (AppState.SUCCEEDED, AppState.FAILED, AppState.CANCELLED)


def is_started(state: AppState) -> bool:
    """Whether it has begun, or even ended."""
    return state == AppState.RUNNING or is_terminal(state)


@dataclass(frozen=True)
class ReplicaStatus:
    """How one replica stands.

    Attributes:
        id: its number in the role, from 0.
        state: how it stands.
        role: the role's name.
        hostname: where it runs or ran; empty if that is not known.
        exit_code: what it ended with, 128 and a signal's number if one ended it; None if that is not known.
    """

    id: int
    state: AppState
    role: str
    hostname: str = ""
    exit_code: int | None = None


@dataclass(frozen=True)
class RoleStatus:
    """How the replicas of one role stand.

    Attributes:
        role: its name.
        replicas: its replicas.
    """

    role: str
    replicas: tuple[ReplicaStatus, ...] = ()


@dataclass(frozen=True)
class AppStatus:
    """How an app stands.

    Attributes:
        state: how it stands as a whole.
        num_restarts: how often it was started again.
        msg: what there is to say of it, such as why it failed.
        roles: how its roles stand, as far as that is known.
    """

    state: AppState
    num_restarts: int = 0
    msg: str = ""
    roles: tuple[RoleStatus, ...] = field(default_factory=tuple)

    def is_terminal(self) -> bool:
        """Whether nothing follows any more."""
        return is_terminal(self.state)

    def raise_for_status(self) -> None:
        """Raise an AppError unless the app has succeeded."""
        if self.state is not AppState.SUCCEEDED:
            raise AppError(f"The app {self.state.name.lower()}: {self.msg or 'nothing more is known'}")
