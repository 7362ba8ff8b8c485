"""What the replicas of an app write, as lines in the log of the step that waits for it."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from types import TracebackType

from orepass.errors import OrepassError
from orepass.runner import Runner
from orepass.specs import AppDef

# A Prefect server keeps what it is sent; the scheduler has all lines, so a chatty app shall not drown the server.
_AT_ONCE = 200
_PER_SECOND = 5.0
_LONGEST = 2000
_FINISH_S = 10.0


class LogLines:
    """Passes the lines of all replicas on to a logger, each behind its `role/0: `, while it is used as a context.

    Args:
        runner: knows the app.
        handle: of the app.
        app: the app.
        log: where the lines go, up to 200 at once and 5 a second in the long run; how many were left out is said.
    """

    def __init__(self, runner: Runner, handle: str, app: AppDef, log: logging.Logger) -> None:
        self._runner = runner
        self._handle = handle
        self._log = log
        self._lock = threading.Lock()
        self._stopped = False
        self._left_out = 0
        self._allowed = float(_AT_ONCE)
        self._counted = time.monotonic()
        # In the context of the step, so that its log, and that of its Prefect run, know the lines for their own.
        self._threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(self._read, role.name, replica), daemon=True)
            for role in app.roles
            for replica in range(role.num_replicas)
        ]

    def __enter__(self) -> LogLines:
        """Begin to read."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say no more: this log may be another step's soon."""
        with self._lock:
            self._stopped = True

    def finish(self) -> None:
        """Read to the end of an app that has ended."""
        until = time.monotonic() + _FINISH_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._lock:
            self._tell_what_was_left_out()

    def _read(self, role: str, replica: int) -> None:
        try:
            for line in self._runner.log_lines(self._handle, role, replica, should_tail=True):
                if not self._pass_on(f"{role}/{replica}: {line[:_LONGEST]}"):
                    return
        except (OrepassError, OSError) as error:
            self._pass_on(f"{role}/{replica}: what it writes cannot be read any more: {error}")

    def _pass_on(self, line: str) -> bool:
        with self._lock:
            now = time.monotonic()
            self._allowed = min(self._allowed + _PER_SECOND * (now - self._counted), _AT_ONCE)
            self._counted = now
            if self._stopped:
                return False
            if self._allowed < 1:
                self._left_out += 1
                return True
            self._allowed -= 1
            self._tell_what_was_left_out()
            self._log.info("%s", line)
            return True

    def _tell_what_was_left_out(self) -> None:
        if self._left_out and not self._stopped:
            self._log.info("(%d lines left out here; all: orepass app log %s)", self._left_out, self._handle)
            self._left_out = 0
