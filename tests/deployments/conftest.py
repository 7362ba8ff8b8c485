from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from processes_of_tests import Run, wait_until
from servers_of_tests import free_port

from orepass.environment import DEFAULTS

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "open-sesame-4711"
BIN = Path(sys.executable).parent
ALLOWED_TO_TAKE_S = 120


def commands_of(document: str) -> list[str]:
    """The lines of a document's bash blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / document).read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@dataclass
class Site:
    """A machine on which somebody has followed docs/deploy.md, with a server that asks for a password.

    Attributes:
        folder: what was deployed from, as it is in a fresh checkout.
        home: of Prefect.
        env: of all commands.
    said: what the commands of docs/deploy.md said.
    """

    folder: Path
    home: Path
    env: dict[str, str]
    said: dict[str, str] = field(default_factory=dict)
    started: list[Run] = field(default_factory=list)

    @property
    def api(self) -> str:
        return self.env["PREFECT_API_URL"]

    @property
    def ui(self) -> str:
        return self.api.removesuffix("/api")

    def run(self, *words: str, **env: str) -> str:
        """Run a command to its end; what it says."""
        ended = self.start(*words, **env)
        said = ended.end(ALLOWED_TO_TAKE_S)
        assert ended.process.returncode == 0, said
        return said

    def start(self, *words: str, cwd: Path | None = None, **env: str) -> Run:
        """Start a command of this environment; it is killed in the end at the latest."""
        log = self.home / f"{len(self.started)}.log"
        command = [str(BIN / words[0]), *words[1:]]
        self.started.append(Run(command, log, cwd=cwd or self.folder, env={**self.env, **env}, start_new_session=True))
        return self.started[-1]

    def answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.api}/health") as response:
            return bool(response.status == 200)
        return False

    def client(self) -> SyncPrefectClient:
        with temporary_settings({PREFECT_API_URL: self.api, PREFECT_API_AUTH_STRING: f"me:{PASSWORD}"}):
            return get_client(sync_client=True)

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """What the server's API answers."""
        with self.client() as client:
            answer = client.request(method, path, json=body)
            return answer.json() if answer.content else None

    def latest(self, deployment: str) -> str:
        """The id of the newest run of a deployment that somebody started."""
        found = self.ask("GET", f"/deployments/name/mining/{deployment}")["id"]
        runs = self.ask(
            "POST",
            "/flow_runs/filter",
            flow_runs={"deployment_id": {"any_": [found]}},
            sort="EXPECTED_START_TIME_DESC",
        )
        return next(run["id"] for run in runs if not run["auto_scheduled"])

    def wait_for(self, run: str, state: str) -> Any:
        """Wait until a run is in a state; the run."""

        def there() -> bool:
            time.sleep(0.5)
            return bool(self.ask("GET", f"/flow_runs/{run}")["state_name"] == state)

        wait_until(there, f"{state} of run {run}", ALLOWED_TO_TAKE_S)
        return self.ask("GET", f"/flow_runs/{run}")


def follow(site: Site, command: str) -> None:
    """Do one thing that docs/deploy.md says, on this site's port."""
    words = shlex.split(command.replace("4200", site.env["PREFECT_SERVER_API_PORT"]))
    if words[1:3] == ["server", "start"]:
        site.start(*words)
        wait_until(site.answers, "the server to answer", ALLOWED_TO_TAKE_S)
    elif words[1:3] == ["worker", "start"]:
        worker = site.start(*words)
        wait_until(lambda: "started" in worker.output, "the worker to start", ALLOWED_TO_TAKE_S)
    else:
        site.said[command] = site.run(*words)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Do what docs/deploy.md says, from a server that has nothing."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("prefect.yaml", "deployments", "conf", "flows"):
        (folder / name).symlink_to(ROOT / name)
    home = tmp_path_factory.mktemp("home")
    port = free_port()
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "OREPASS_"))},
        "HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "OREPASS_STORE": str(home / "store"),
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_AUTH_STRING": f"me:{PASSWORD}",
        "PREFECT_API_AUTH_STRING": f"me:{PASSWORD}",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        **DEFAULTS,
        "COLUMNS": "160",
    }
    made = Site(folder, home, env)
    try:
        for command in commands_of("deploy.md"):
            follow(made, command)
        yield made
    finally:
        for run in reversed(made.started):
            run.kill()
