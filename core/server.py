"""The Prefect server that a run talks to: the one that is configured, else one in the background on this machine."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from orepass.atomic import write_atomically
from orepass.claims import Owner
from orepass.errors import ConfigError, ServerError
from orepass.work import tail

logger = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_USUAL_PORT = 4200
_STARTS_WITHIN_S = 180.0
_STARTS = 2
Say = Callable[[str], None]

SETTINGS = {
    # Task runs are recorded a hundred states at a time, or once a second; one by one takes three times the work.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
"""What a Prefect server is best started with, as environment variables."""


@contextlib.contextmanager
def prefect_server(mode: str = "auto", say: Say = logger.info) -> Iterator[str | None]:
    """Let the flows that run in this context talk to a Prefect server.

    Args:
        mode: `auto`: the server that `PREFECT_API_URL` (environment or profile) names; without one, a server that
            this function started earlier and that still runs; without that, it starts one in the background, which
            stays. `temporary`: Prefect's own server for one run, which takes 10 to 20 s to start and forgets the
            run. Or the API address of a server, `http://HOST:PORT/api`.
        say: gets one line about what is used and how to stop it.

    Yields:
        The API address; None for a temporary server.

    Raises:
        ConfigError: `mode` is none of these, or there is a user name in the address.
        ServerError: the server does not answer, or cannot be started.
    """
    if mode == "temporary":
        with temporary_settings(restore_defaults={PREFECT_API_URL}):
            yield None
        return
    configured = get_current_settings().api.url if mode == "auto" else mode
    url = configured or _background_server(say)
    if configured and not configured.startswith(("http://", "https://")):
        raise ConfigError(f"server={configured!r} is none of auto, temporary and http://HOST:PORT/api.")
    if configured:
        refuse_password(configured)
    if configured and not _answers(configured):
        raise ServerError(
            f"The Prefect server at {configured} does not answer. Start it (`prefect server start`), correct "
            "PREFECT_API_URL or unset it, or use server=temporary."
        )
    with temporary_settings({PREFECT_API_URL: url}):
        yield url


def refuse_password(url: str) -> None:
    """See that the address of a server holds no password.

    Raises:
        ConfigError: it holds a user name at least.
    """
    if urlsplit(url).username:
        raise ConfigError(
            "The address of the Prefect server holds a user name, and Prefect logs addresses. Put USER:PASSWORD into "
            "PREFECT_API_AUTH_STRING instead."
        )


def password_wanted(error: PrefectHTTPStatusError) -> str:
    """What is said where a server answers that it does not know who asks."""
    return (
        f"The Prefect server at {error.request.url.host} asks for a password. Set PREFECT_API_AUTH_STRING to "
        "USER:PASSWORD, in the environment or with `prefect config set`."
    )


def background_server() -> str | None:
    """The API address of the server that an earlier run started on this machine; None if none answers."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(_state(Path(get_current_settings().home)).read_text())
        url: str = known["url"]
        # Another user's server may have come to the same port since ours ended.
        if Owner(**known["owner"]).alive() and _answers(url):
            return url
    return None


def _background_server(say: Say) -> str:
    home = Path(get_current_settings().home)
    home.mkdir(parents=True, exist_ok=True)
    with _only_one(home / "orepass-server.lock"):
        if found := background_server():
            say(f"Prefect server: {_ui(found)} (stop it with: prefect server stop)")
            return found
        return _start(home, say)


def _state(home: Path) -> Path:
    return home / "orepass-server.json"


def _start(home: Path, say: Say) -> str:
    log = home / "orepass-server.log"
    for _ in range(_STARTS):
        port = _free_port()
        url = f"http://{_HOST}:{port}/api"
        say(f"Starting a Prefect server on {_HOST}:{port} (once; log: {log}) ...")
        process = _started(home, port, log)
        try:
            ended = _wait_for(url, process, log)
        except BaseException:  # also Ctrl-C: nobody would find it again
            process.terminate()
            raise
        if ended is None:
            write_atomically(_state(home), json.dumps({"url": url, "owner": asdict(Owner.of(process.pid))}).encode())
            # Where `prefect server stop` looks for the process to end.
            write_atomically(home / "server.pid", str(process.pid).encode())
            say(f"Prefect server: {_ui(url)} (it keeps running; stop it with: prefect server stop)")
            return url
        # Somebody else may have come to the port in the seconds before the server did.
        say(f"The Prefect server ended with exit code {ended} while it started.")
    raise ServerError(
        f"The Prefect server ended with exit code {ended} while it started. The end of {log}:\n{tail(log)}"
    )


def _started(home: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it is to outlive this run, and Ctrl-C
            # Not as options: only by these variables does the UI learn where its server is.
            env={
                **SETTINGS,
                **os.environ,
                "PREFECT_HOME": str(home),
                "PREFECT_SERVER_API_HOST": _HOST,
                "PREFECT_SERVER_API_PORT": str(port),
            },
        )


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> int | None:
    """Return None when the server answers, and its exit code if it ends before."""
    until = time.monotonic() + _STARTS_WITHIN_S
    while not _answers(url):
        if process.poll() is not None:
            return process.returncode
        if time.monotonic() > until:
            raise ServerError(f"The Prefect server did not answer within {_STARTS_WITHIN_S:.0f} s. See {log}.")
        time.sleep(0.2)
    return None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=10) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)  # it is there, and Prefect's client has the credentials
    except (OSError, ValueError):
        return False


def _ui(url: str) -> str:
    return url.removesuffix("/api")


def _free_port() -> int:
    for port in (_USUAL_PORT, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((_HOST, port))
            return int(probe.getsockname()[1])
    raise ServerError(f"No port is free on {_HOST}.")


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Let two runs that begin at once start one server between them."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
