from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Before Prefect is imported, because it reads them then: nothing here may touch the home of who runs the tests.
_HOME = tempfile.TemporaryDirectory(prefix="orepass-tests-", ignore_cleanup_errors=True)
for name in [name for name in os.environ if name.startswith(("PREFECT_", "OREPASS_"))]:
    del os.environ[name]
os.environ["PREFECT_HOME"] = f"{_HOME.name}/prefect"
os.environ["OREPASS_STORE"] = f"{_HOME.name}/store"
os.environ["OREPASS_APPS"] = f"{_HOME.name}/apps"
os.environ["OREPASS_EXTENSIONS"] = f"{_HOME.name}/extensions"
# A shell's background jobs ignore Ctrl-C, and so would all that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
# What is logged in the end would be sent, again and again, to a server that has been stopped.
os.environ["PREFECT_LOGGING_TO_API_ENABLED"] = "false"

# `example_steps` holds the modules that worker processes have to import.
_EXAMPLES = Path(__file__).parent / "examples"
sys.path.insert(0, str(_EXAMPLES))

from processes_of_tests import Run, RunScript, end_apps, is_alive, wait_until  # noqa: E402

from orepass import Store, use_store  # noqa: E402
from orepass.runner import get_runner  # noqa: E402

_LONGEST_FIRST = ("deployments", "slurm", "blocks", "tests", "flows")
_ALONE = {"test_documents.py", "test_slurm_faults.py", "test_slurm_interruption.py", "test_slurm_limits.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those tests first that take long, or all others wait for them in the end."""
    rank = {folder: place for place, folder in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.parent.name, len(rank)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Say which tests run in one process."""
    return _Scheduling(config, log)


class _Scheduling(LoadScopeScheduling):
    """The tests of a file share what they start, so they stay together; those of `deployments` all share one site.

    Those of some files share nothing but the Slurm of their process, and take a minute each.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        if path.name in _ALONE:
            return nodeid
        return str(path.parent if path.parent.name == "deployments" else path)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A fresh store, which is the one in use, also in processes that the test starts."""
    fresh = Store(tmp_path / "store")
    monkeypatch.setenv("OREPASS_STORE", str(fresh.root))
    use_store(fresh)
    return fresh


@pytest.fixture
def apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh folder for local apps, also those of processes that the test starts; at its end no app is left."""
    folder = tmp_path / "apps"
    monkeypatch.setenv("OREPASS_APPS", str(folder))
    yield folder
    end_apps(get_runner())


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A Prefect server for all tests that run flows, started and stopped as users do; its API address."""
    import orepass.server
    from orepass.server import prefect_server

    # The usual port is for the user's own, and only one of the processes that run tests side by side could have it.
    orepass.server._USUAL_PORT = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it is left running on purpose
        with prefect_server() as url:
            assert url is not None
    pid = int(Path(os.environ["PREFECT_HOME"], "server.pid").read_text())
    try:
        yield url
        stop = [sys.executable, "-m", "prefect", "server", "stop"]
        stopped = subprocess.run(stop, capture_output=True, text=True, timeout=60)
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        wait_until(lambda: not is_alive(pid), "the server to end", 30)
    finally:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


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
