"""Runs of the command line are runs of the deployment that is named like their launcher."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.utilities.callables import parameter_schema

from orepass import Store
from orepass.flows._deployed import deployed_run
from orepass.flows._runnable_file import read_runnable_file
from orepass.flows.experiment import run_experiment
from orepass.flows.runnable import run_runnable
from orepass.flows.search import run_search_flow

from .conftest import CommandLine

ARGUMENTS = ("+data=tiny", "src_lang=xx", "tgt_lang=yy", "k=4")
Deploy = Callable[..., None]


@pytest.fixture
def client(api: str) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def deploy(client: SyncPrefectClient) -> Iterator[Deploy]:
    """Deploy a flow for the time of the test."""
    made = []

    def make(name: str, flow: str = "mining", **options: Any) -> None:
        made.append(client.create_deployment(client.create_flow_from_name(flow), name, **options))

    yield make
    for deployment in made:
        client.delete_deployment(deployment)


def newest(client: SyncPrefectClient) -> Any:
    """The newest run of the flow; other tests on this server may have runs that are yet to start."""
    which = {"flows": {"name": {"any_": ["mining"]}}, "sort": "START_TIME_DESC", "limit": 1}
    return client.request("POST", "/flow_runs/filter", json=which).json()[0]


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


@pytest.mark.parametrize(
    ("flow", "document"),
    [
        (run_runnable, "!Script {script: it.py}"),
        (run_search_flow, "!Search {runnable: !Script {script: it.py, args: [!grid [1, 2]]}}"),
        (run_experiment, "!Experiment {pipeline: {it: !Script {script: it.py}}}"),
    ],
)
def test_runnables_have_one_for_any_launcher(
    flow: Flow[..., Any], document: str, deploy: Deploy, client: SyncPrefectClient, tmp_path: Path
) -> None:
    schema = parameter_schema(flow.fn).model_dump_for_openapi()  # as `prefect deploy` says it
    deploy("any", flow.name, parameter_openapi_schema=schema, enforce_parameter_schema=True)
    (tmp_path / "it.py").touch()
    (tmp_path / "it.yaml").write_text(document)
    config = read_runnable_file(tmp_path / "it.yaml", ["launcher=debug"], may_install=False)
    launcher, _, _ = (config.pop(name) for name in ("launcher", "store", "server"))
    said: list[str] = []
    run = asyncio.run(deployed_run(flow, {"config": config}, launcher, said.append))
    assert run is not None and run.parameters == {"config": config}, said
    assert run.deployment_id == client.read_deployment_by_name(f"{flow.name}/any").id
