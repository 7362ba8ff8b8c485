from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from processes_of_tests import wait_until

from orepass.blocks.launchers import LAUNCHERS

from .conftest import Site


def test_one_deployment_a_launcher_and_the_nightly_one(site: Site) -> None:
    with site.client() as client:
        found = {
            deployment.name: deployment
            for deployment in client.read_deployments()
            if deployment.entrypoint == "orepass.flows.mining.mining"
        }
    assert found.keys() == {*LAUNCHERS, "nightly"}
    for name, deployment in found.items():
        variables = deployment.job_variables
        assert variables["env"]["OREPASS_LAUNCHER"] == ("local" if name == "nightly" else name)
        assert variables["working_dir"] == str(site.folder)
        assert deployment.work_pool_name == "orepass"


def test_pipelines_have_one_a_launcher_and_runnables_one_for_any(site: Site) -> None:
    with site.client() as client:
        found = [(str(one.entrypoint), one.name) for one in client.read_deployments()]
    assert {name for entrypoint, name in found if entrypoint == "orepass.flows.pipeline.pipeline"} == {*LAUNCHERS}
    assert sorted(entrypoint for entrypoint, name in found if name == "any") == [
        "orepass.flows.experiment.run_experiment",
        "orepass.flows.runnable.run_runnable",
        "orepass.flows.search.run_search_flow",
    ]


def test_the_nightly_run_is_scheduled(site: Site) -> None:
    with site.client() as client:
        nightly = client.read_deployment_by_name("mining/nightly")
        assert [schedule.schedule.cron for schedule in nightly.schedules] == ["0 2 * * *"]  # type: ignore[union-attr]

        def runs() -> Any:
            return [run for run in client.read_flow_runs() if run.deployment_id == nightly.id]

        wait_until(lambda: len(runs()) >= 3, "scheduled runs")
        assert all(run.expected_start_time.hour == 2 for run in runs())


def test_the_page_ends_with_a_run(site: Site) -> None:
    assert "'Completed'" in site.said["prefect deployment run mining/local --watch"]
    report = site.folder / "outputs" / "mining" / "django.en-fr" / "report.json"
    assert json.loads(report.read_text())["evaluation"]["f1"] > 0.8
    assert any((site.home / "store" / "mine_pairs").iterdir())


def test_the_server_listens_on_this_machine_only(site: Site) -> None:
    """A server that listens everywhere would answer on every address of the loopback, too."""
    port = int(site.env["PREFECT_SERVER_API_PORT"])
    socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port))
