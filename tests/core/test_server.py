from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
import warnings
from pathlib import Path

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, get_current_settings, temporary_settings

import orepass.server
from orepass.errors import ConfigError, ServerError
from orepass.server import prefect_server


@flow
def trivial() -> str:
    return str(get_current_settings().api.url)


def test_a_configured_server_is_used(api: str, tmp_path: Path) -> None:
    said: list[str] = []
    with temporary_settings({PREFECT_HOME: tmp_path}), prefect_server("auto", said.append) as url:
        assert url == api == trivial()
    assert said == [] and not list(tmp_path.iterdir())


def test_a_given_address_wins_over_the_configured_one(api: str) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), prefect_server(api) as url:
        assert url == api == trivial()


def test_a_server_that_does_not_answer() -> None:
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(ServerError, match=r"http://127\.0\.0\.1:9/api does not answer.*prefect server start"),
        prefect_server(),
    ):
        pass


def test_what_is_no_address_lists_what_can_be_given() -> None:
    with pytest.raises(ConfigError, match="'tempory' is none of auto, temporary"), prefect_server("tempory"):
        pass


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with (
        pytest.raises(ConfigError, match="PREFECT_API_AUTH_STRING") as error,
        prefect_server("http://me:opensesame@h/api"),
    ):
        pass
    assert "opensesame" not in str(error.value)


def test_the_ui_asks_the_server_that_it_came_from(server: str) -> None:
    with urllib.request.urlopen(f"{server.removesuffix('/api')}/ui-settings") as settings:
        assert json.load(settings)["api_url"] == server


def test_a_server_in_the_background_records_task_runs_in_batches(server: str) -> None:
    with urllib.request.urlopen(f"{server}/admin/settings") as settings:
        recorder = json.load(settings)["server"]["services"]["task_run_recorder"]
    assert (recorder["batch_size"], recorder["flush_interval"]) == (100, 1)


def test_a_server_in_the_background_is_found_again(server: str) -> None:
    """The one of the fixture, which also tries `prefect server stop` in the end."""
    said: list[str] = []
    with prefect_server("auto", said.append) as url:
        assert url == server == trivial()
    assert url is not None and url.startswith("http://127.0.0.1:")
    assert said == [f"Prefect server: {server.removesuffix('/api')} (stop it with: prefect server stop)"]


def test_a_server_that_cannot_be_started_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "nonsense://")
    monkeypatch.setattr(orepass.server, "_STARTS", 1)  # the next test has a second one
    with (
        temporary_settings({PREFECT_HOME: tmp_path}),
        pytest.raises(ServerError, match=r"(?s)ended with exit code 1 .*orepass-server\.log:.*nonsense"),
        prefect_server(),
    ):
        pass


def test_a_port_that_somebody_else_takes_while_the_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with socket.socket() as other, temporary_settings({PREFECT_HOME: tmp_path}):
        other.bind(("127.0.0.1", 0))
        other.listen()
        free_port, ports = orepass.server._free_port, [other.getsockname()[1]]
        monkeypatch.setattr(orepass.server, "_USUAL_PORT", 0)
        monkeypatch.setattr(orepass.server, "_free_port", lambda: ports.pop() if ports else free_port())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it is left running on purpose
            with prefect_server("auto", said.append):
                pass
    os.kill(int((tmp_path / "server.pid").read_text()), signal.SIGKILL)
    assert "ended with exit code 1 while it started" in said[1] and "it keeps running" in said[3]
