"""Signs of life between processes that share only a file system: files that are touched, and watched by others."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from orepass.claims import HEARTBEAT_S


class Heart:
    """Touches files every few seconds, in a thread, so that it beats while the flow's event loop is busy."""

    def __init__(self) -> None:
        self._places: set[Path] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def remember(self, place: Path) -> None:
        """Begin to touch a file."""
        self._places = {*self._places, place}
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, name="orepass-heart", daemon=True)
            self._thread.start()

    def forget(self, place: Path) -> None:
        """Touch a file no more."""
        self._places = self._places - {place}

    def stop(self) -> None:
        """Touch nothing any more."""
        self._stopped.set()

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT_S):
            for place in self._places:
                with contextlib.suppress(OSError):
                    os.utime(place)


class Sign:
    """The sign of life of somebody else: a file that is touched, seen by this process's own clock.

    Args:
        place: the file.
        begun: whether it is there already.
    """

    def __init__(self, place: Path, *, begun: bool = False) -> None:
        self._place = place
        self._touched: int | None = 0 if begun else None
        self._seen = time.monotonic()

    @property
    def begun(self) -> bool:
        """Whether there has been any."""
        return self._touched is not None

    def silence(self) -> float:
        """Seconds since it was touched, or since this object was made; infinite once the file has been removed."""
        try:
            touched = self._place.stat().st_mtime_ns
        except FileNotFoundError:
            return time.monotonic() - self._seen if self._touched is None else float("inf")
        except OSError:
            touched = self._touched or 0  # a file system that does not answer is no news
        if touched != self._touched:
            self._touched, self._seen = touched, time.monotonic()
        return time.monotonic() - self._seen
