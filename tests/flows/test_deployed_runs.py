"""Runs of the command line are runs of the deployment that is named like their launcher."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from orepass import Store

from .conftest import CommandLine

ARGUMENTS = ("+data=tiny", "src_lang=xx", "tgt_lang=yy", "k=4")
Deploy = Callable[..., None]


@pytest.fixture
def client(api: str) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def deploy(client: SyncPrefectClient) -> Iterator[Deploy]:
    """Deploy the flow for the time of the test."""
    made = []

    def make(name: str, **options: Any) -> None:
        flow = client.create_flow_from_name("mining")
        made.append(client.create_deployment(flow, name, **options))

    yield make
    for deployment in made:
        client.delete_deployment(deployment)


def newest(client: SyncPrefectClient) -> Any:
    return client.request("POST", "/flow_runs/filter", json={"sort": "START_TIME_DESC", "limit": 1}).json()[0]


def test_bound(
    command_line: CommandLine, config_folder: Path, deploy: Deploy, client: SyncPrefectClient, store: Store
) -> None:
    deploy("local")
    ended = command_line("mining", f"--config-dir={config_folder}", *ARGUMENTS, "launcher.cpus=1")
    assert ended.code == 0, ended.err
    run = newest(client)
    assert run["deployment_id"] == str(client.read_deployment_by_name("mining/local").id)
    assert run["state_name"] == "Completed" and run["run_count"] == 1
    variables = run["job_variables"]
    assert variables["working_dir"] == str(Path.cwd())
    assert variables["env"]["OREPASS_STORE"] == str(store.root)
    assert variables["env"]["OREPASS_LAUNCHER"].startswith("local cpus=1 ")
    data = json.loads((config_folder / "data" / "tiny.yaml").read_text())
    assert run["parameters"]["config"]["data"] == data
    assert run["parameters"]["config"]["src_lang"] == "xx"


def test_another_launcher_is_another_deployment(
    command_line: CommandLine, config_folder: Path, deploy: Deploy, client: SyncPrefectClient
) -> None:
    deploy("local")
    ended = command_line("mining", f"--config-dir={config_folder}", *ARGUMENTS, "launcher=debug")
    assert ended.code == 0, ended.err
    assert newest(client)["deployment_id"] is None
    assert "Retry" not in ended.err


def test_a_deployment_that_refuses_the_run_is_done_without(
    command_line: CommandLine, config_folder: Path, deploy: Deploy, client: SyncPrefectClient
) -> None:
    schema = {"type": "object", "properties": {"config": {"type": "integer"}}}
    deploy("debug", parameter_openapi_schema=schema, enforce_parameter_schema=True)
    ended = command_line("mining", f"--config-dir={config_folder}", *ARGUMENTS, "launcher=debug")
    assert ended.code == 0, ended.err
    assert newest(client)["deployment_id"] is None
    assert "no Retry button, because it cannot be a run of mining/debug" in ended.err
