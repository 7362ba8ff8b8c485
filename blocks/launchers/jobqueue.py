"""What we use of `dask_jobqueue`, imported without its side effect.

Its import makes Ctrl-C end the process with exit code 0, and fails in a thread, because it sets a signal handler.
"""

from __future__ import annotations

import signal
from typing import Any


def _no_handler(*_: Any) -> None:
    pass


_set_handler = signal.signal
signal.signal = _no_handler  # type: ignore[assignment]
try:
    from dask_jobqueue import SLURMCluster as SLURMCluster
    from dask_jobqueue.slurm import SLURMJob as SLURMJob
finally:
    signal.signal = _set_handler
