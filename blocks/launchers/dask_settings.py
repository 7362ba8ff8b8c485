"""Dask's settings for the clusters that are started here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask

# A step whose worker died is reported to the flow, which decides what follows; Dask does not try again by itself, nor
# does it send a worker more than it can begin. Its profile of workers would show them waiting for their processes.
_SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.profile.enabled": False,
}
# Settings are those of the whole process: who leaves first would take them from another who starts a cluster, too.
_ONE_BY_ONE = threading.Lock()


@contextmanager
def cluster_settings(**others: Any) -> Iterator[None]:
    """Start a cluster under our settings, and others, whose dots are written `__`."""
    with _ONE_BY_ONE, dask.config.set(_SETTINGS, **others):
        yield
