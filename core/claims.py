"""Claims: of the runs that want the same result at the same time, one computes it and the others wait.

A claim is a folder with numbered generations. Making the next generation with `mkdir` is atomic on every POSIX file
system, also a shared one, so of all that find a dead owner exactly one takes over. The owner touches its generation
regularly; an owner on the same host is dead when its process is, one on another host when its heartbeat has stopped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson

HEARTBEAT_S = 5.0
DEAD_AFTER_S = 60.0
_OWNER = "owner.json"


@dataclass(frozen=True)
class Claim:
    """The right to compute one result, held until `release`."""

    folder: Path
    generation: int

    def release(self) -> None:
        """Let others have it."""
        heart.forget(self._place)
        if _newest(self.folder) != self.generation:
            return  # somebody took this claim over: it is theirs now
        for older in range(self.generation):
            shutil.rmtree(self.folder / str(older), ignore_errors=True)
        with contextlib.suppress(OSError):  # the last one fails where somebody claims it in this very moment
            (self._place / _OWNER).unlink(missing_ok=True)
            os.rmdir(self._place)
            os.rmdir(self.folder)

    @property
    def _place(self) -> Path:
        return self.folder / str(self.generation)


@dataclass(frozen=True)
class Owner:
    """The process that holds a claim."""

    host: str
    pid: int
    started: str

    @classmethod
    def this_process(cls) -> Owner:
        """The owner that this process is."""
        return _owner(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Owner:
        """The owner that another process of this host is."""
        return cls(socket.gethostname(), pid, _start_of(pid))

    @classmethod
    def loads(cls, content: bytes) -> Owner | None:
        """Read what `dumps` wrote; None if it is not whole."""
        try:
            document = orjson.loads(content)
            return cls(document["host"], document["pid"], document["started"])
        except (ValueError, TypeError, KeyError):
            return None

    def dumps(self) -> bytes:
        """The owner as JSON."""
        return orjson.dumps(self)

    def alive(self) -> bool | None:
        """Whether the process still runs; None if it is on another host, where this one cannot look."""
        if self.host != socket.gethostname():
            return None
        return _start_of(self.pid) == self.started

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def try_claim(folder: Path) -> Claim | Owner:
    """Claim the result that `folder` stands for, without waiting.

    Returns:
        The claim, or the owner of the claim that stands in the way.

    Raises:
        OSError: the store cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        newest = _newest(folder)
        if newest is not None:
            owner = _living_owner(folder / str(newest))
            if owner is not None:
                return owner
            if not (folder / str(newest)).exists():
                continue  # it was let go in this very moment: start anew, as all others do
        claim = Claim(folder, 0 if newest is None else newest + 1)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        try:
            claim._place.mkdir()
        except (FileExistsError, FileNotFoundError):
            continue  # somebody was faster, or let go in this very moment
        owner = Owner.this_process()
        try:
            (claim._place / _OWNER).write_bytes(owner.dumps())
        except FileNotFoundError:
            continue
        except OSError:  # a full disk: nobody shall wait for a claim that nobody holds
            claim.release()
            raise
        heart.remember(claim._place)
        return claim


def owner_of(folder: Path) -> Owner | None:
    """Who holds the claim that `folder` stands for; None if nobody who is alive does."""
    newest = _newest(folder)
    return None if newest is None else _living_owner(folder / str(newest))


@cache
def _owner(pid: int) -> Owner:
    return Owner(socket.gethostname(), pid, _start_of(pid))


def remove_if_dead(folder: Path) -> None:
    """Remove a claim whose owner has died; one that is held stays."""
    with contextlib.suppress(OSError):
        # By way of a claim, so that one which another run takes over in this moment is not removed with it.
        claim = try_claim(folder)
        if isinstance(claim, Claim):
            claim.release()


def _newest(folder: Path) -> int | None:
    try:
        return max((int(name) for name in os.listdir(folder) if name.isdigit()), default=None)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _living_owner(place: Path) -> Owner | None:
    try:
        # Between mkdir and the owner's name there is a moment; a claim that stays nameless is a dead one.
        owner = Owner.loads((place / _OWNER).read_bytes()) or Owner("an unknown host", 0, "")
    except OSError:
        owner = Owner("an unknown host", 0, "")
    return owner if lives(owner, place) else None


def lives(owner: Owner, place: Path) -> bool:
    """Whether a process lives, which touches `place` for as long as it does."""
    alive = owner.alive()
    if alive is not None:
        return alive
    try:
        return _now_on_disk(place) - place.stat().st_mtime < DEAD_AFTER_S
    except OSError:
        return False


def _now_on_disk(place: Path) -> float:
    """The present by the clock of the file system, which is the one that stamps heartbeats."""
    probe = place.parent / f".now.{uuid.uuid4().hex}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        probe.unlink(missing_ok=True)


def _start_of(pid: int) -> str:
    """When a process started, so that a reused number is not taken for it; empty if there is none."""
    try:
        # After the name in brackets: the state is the first field, the start time the twentieth.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "running"


class _Heart:
    """One thread a process that touches all that the process holds: claims, and what `orepass.in_use` notes."""

    def __init__(self) -> None:
        self._places: set[Path] = set()
        self._lock = threading.Lock()
        self._pid = 0

    def remember(self, place: Path) -> None:
        with self._lock:
            if self._pid != os.getpid():  # a fork takes neither the thread nor the claims along
                self._pid = os.getpid()
                self._places.clear()
                threading.Thread(target=self._beat, name="orepass-heart", daemon=True).start()
            self._places.add(place)

    def forget(self, place: Path) -> None:
        with self._lock:
            self._places.discard(place)

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT_S)
            with self._lock:
                places = list(self._places)
            for place in places:
                with contextlib.suppress(OSError):
                    os.utime(place)


heart = _Heart()
"""Touches what this process holds, so that other hosts see that it lives."""
