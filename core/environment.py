"""Settings of Prefect, Dask and OpenMP that differ in this library, unless the user has set them; read at import."""

from __future__ import annotations

import os

DEFAULTS = {
    # Telemetry is off unless somebody turns it on.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # What modules log is shown with the run.
    "PREFECT_LOGGING_EXTRA_LOGGERS": "orepass",
    # A module that is called as a plain function logs like any other function.
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    # A fresh home on a busy machine needs longer than the 20 s that are allowed otherwise.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # Dask tells of every connection.
    "DASK_LOGGING__DISTRIBUTED": "warning",
    # Threads of FAISS and torch sleep while they wait for one another. Where others use the cores, too, spinning takes
    # twice (k-means) to five times (an encoder) as long; where nobody does, sleeping is as fast.
    "OMP_WAIT_POLICY": "passive",
}


def set_defaults() -> None:
    """Put the defaults into the environment, for this process and those that it starts."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
