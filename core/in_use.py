"""What is in use: a result that a run in progress needs is not pruned, and a run waits while one is.

A run announces the results that it will look up before it does so: it writes their names to a file in `.in-use`. Then
it looks whether anybody prunes one of them, and waits for that. Who prunes publishes what is to go in a file in
`.pruning`, then looks what is announced, and leaves that where it is. So of a run and a pruning of the same result at
least one sees the other, however they interleave: each writes before it reads, as in Dekker's algorithm (Dijkstra,
EWD 123). Files are closed before others are opened, which makes that true on NFS as well.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import logging
import os
import threading
import weakref
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from prefect.context import FlowRunContext

from orepass.claims import Owner
from orepass.layout import Layout
from orepass.notices import Notice, read_living

logger = logging.getLogger(__name__)
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def announce(layout: Layout, names: Collection[str]) -> Owner | None:
    """Say that this process needs results, there or yet to be computed, before it looks them up.

    They are in use until the outermost flow run that goes on has ended; outside of flow runs, until the process has.
    In a store that cannot be written nothing is announced: what is there can be used, at the risk that it is pruned.

    Args:
        layout: of the store.
        names: `module/key` of the results.

    Returns:
        Who prunes one of them right now: then ask again, until it is None.
    """
    try:
        _announcements.add(layout.in_use, names)
        notices = read_living(layout.pruning)
        return next((notice.owner for notice in notices if not notice.names.isdisjoint(names)), None)
    except OSError as error:
        level = logging.DEBUG if error.errno in _READ_ONLY else logging.WARNING
        logger.log(level, "What this run needs of %s cannot be noted (%s), so it may be pruned.", layout.root, error)
        return None


@contextlib.contextmanager
def pruning(layout: Layout, names: Collection[str]) -> Iterator[set[str]]:
    """Have runs wait that want to look up one of these results, while those that nobody uses are removed.

    What this very process used outside of flow runs, or in flow runs that have ended, does not count as in use: it is
    the one to know.

    Args:
        layout: of the store.
        names: `module/key` of the results that are to go.

    Yields:
        The names of all results that are in use, which must not go.

    Raises:
        OSError: the store cannot be written, or what is in use cannot be read.
    """
    published = Notice(layout.pruning)
    try:
        published.add(names)
        mine = _announcements.idle()
        yield {name for notice in read_living(layout.in_use) if notice.path not in mine for name in notice.names}
    finally:
        published.withdraw()


@dataclass
class _Scope:
    """What one flow run, and those inside of it, need of one store; without a flow run, what the process does."""

    notice: Notice
    run: weakref.ref[FlowRunContext] | None

    @property
    def in_progress(self) -> bool:
        context = self.run() if self.run else None
        return context is not None and context._token is not None  # Prefect's mark of a context that is entered


class _Announcements:
    """What this process has announced."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[Path, UUID | None], _Scope] = {}
        self._lock = threading.Lock()
        self._pid = 0

    def add(self, folder: Path, names: Collection[str]) -> None:
        """Announce names for the run that goes on, and then let go of those of runs that have ended.

        Not as soon as they have ended: what one run returned may be what the next one begins with.
        """
        run = _outermost_run()
        key = folder, run.flow_run.id if run and run.flow_run else None
        with self._lock:
            self._forget_parent()
            scope = self._scopes.setdefault(key, _Scope(Notice(folder), None))
            scope.run = weakref.ref(run) if run else None
            scope.notice.add(names)
            for other, ended in [*self._scopes.items()]:
                if other != key and ended.run is not None and not ended.in_progress:
                    self._scopes.pop(other).notice.withdraw()

    def idle(self) -> set[Path]:
        """The files of what no run in progress needs."""
        with self._lock:
            self._forget_parent()
            return {scope.notice.path for scope in self._scopes.values() if not scope.in_progress}

    def _forget_parent(self) -> None:
        if self._pid != os.getpid():  # after a fork, what is here is the parent's
            self._pid = os.getpid()
            self._scopes.clear()
            atexit.register(self._withdraw)

    def _withdraw(self) -> None:
        self._forget_parent()
        for scope in self._scopes.values():
            scope.notice.withdraw()


def _outermost_run() -> FlowRunContext | None:
    """The flow run that all that goes on here belongs to; None outside of one.

    Also None in a worker process to which Prefect has sent the context of a task: it cannot tell when the run ends.
    """
    run = FlowRunContext.get()
    while run is not None and run._token is not None and isinstance(run._token.old_value, FlowRunContext):
        run = run._token.old_value
    if run is None or run._token is None or run.flow_run is None or run.detached:
        return None
    return run


_announcements = _Announcements()
