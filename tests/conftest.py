from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Before Prefect is imported, because it reads them then: nothing here may touch the home of who runs the tests.
_HOME = tempfile.TemporaryDirectory(prefix="orepass-tests-", ignore_cleanup_errors=True)
for name in [name for name in os.environ if name.startswith(("PREFECT_", "OREPASS_"))]:
    del os.environ[name]
os.environ["PREFECT_HOME"] = f"{_HOME.name}/prefect"
os.environ["OREPASS_STORE"] = f"{_HOME.name}/store"

# `example_steps` holds the modules that worker processes have to import.
_EXAMPLES = Path(__file__).parent / "examples"
sys.path.insert(0, str(_EXAMPLES))

from processes_of_tests import Run, RunScript, wait_until  # noqa: E402

from orepass import Store, use_store  # noqa: E402


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A fresh store, which is the one in use, also in processes that the test starts."""
    fresh = Store(tmp_path / "store")
    monkeypatch.setenv("OREPASS_STORE", str(fresh.root))
    use_store(fresh)
    return fresh


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A Prefect server for all tests that run flows; its API address, which is also in the environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    log = Path(_HOME.name, "server.log")
    environment = {**os.environ, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_HOME": f"{_HOME.name}/server"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait_for(url, process, log)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def api(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let flows in this test, and in processes that it starts, talk to the server."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setenv("PREFECT_API_URL", server)
    with temporary_settings({PREFECT_API_URL: server}):
        yield server


@pytest.fixture
def run_script(store: Store, tmp_path: Path) -> Iterator[RunScript]:
    """Start a Python script in a process (group) of its own; killed at the end of the test at the latest."""
    started: list[Run] = []

    def start(text: str, *arguments: Any) -> Run:
        script = tmp_path / f"script{len(started)}.py"
        script.write_text(text)
        command = [sys.executable, str(script), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(_EXAMPLES), "PYTHONUNBUFFERED": "1"}
        log = script.with_suffix(".log")
        started.append(Run(command, log, cwd=tmp_path, env=environment, start_new_session=True))
        return started[-1]

    yield start
    for run in started:
        run.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    wait_until(answers, f"the Prefect server, see {log}", 180)
