"""Prefect servers of their own, on SQLite or on a real PostgreSQL (Debian's), for tests and measurements."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from orepass.server import SETTINGS

STARTS_WITHIN_S = 180


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_programs() -> Path | None:
    """Where the newest PostgreSQL is; None without one, or without the right to be its user."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found and os.geteuid() == 0 else None


@contextlib.contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """A PostgreSQL with data of its own; yields Prefect's connection URL, with a password that is made up.

    Args:
        programs: `postgres_programs()`.
    """
    owner = pwd.getpwnam("postgres")  # it refuses to be root
    port, password = free_port(), secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="orepass-postgres-") as folder:
        data, word = Path(folder, "data"), Path(folder, "password")
        word.write_text(password)
        for path in (folder, word):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        as_owner: dict[str, Any] = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": [], "cwd": folder}
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "prefect", "--auth=scram-sha-256", f"--pwfile={word}"],
            check=True, stdout=subprocess.DEVNULL, **as_owner,
        )  # fmt: skip
        command = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1"]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, **as_owner)
        try:
            _wait(lambda: socket.create_connection(("127.0.0.1", port), 1).close(), process, "PostgreSQL")
            yield f"postgresql+asyncpg://prefect:{password}@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # its fast way to stop
            process.wait(60)


@contextlib.contextmanager
def prefect_server_on(database: str | None, folder: Path) -> Iterator[str]:
    """A Prefect server; yields its API address.

    Args:
        database: a connection URL; SQLite in the folder, if not given.
        folder: its home; its log is `server.log` there.
    """
    port = free_port()
    environment = {
        **os.environ,
        **SETTINGS,
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
    }
    environment.pop("PREFECT_API_URL", None)
    if database is not None:
        environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
    url = f"http://127.0.0.1:{port}/api"
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "prefect", "server", "start"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait(lambda: urllib.request.urlopen(f"{url}/health", timeout=10).close(), process, "the Prefect server")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:  # it has a backlog
            process.kill()
            process.wait()


def _wait(attempt: Callable[[], None], process: subprocess.Popen[bytes], what: str) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            attempt()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{what} did not start: {error}") from error
            time.sleep(0.2)
