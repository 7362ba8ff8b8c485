"""Rendered compose files against the schema of the Compose specification."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import yaml

from orepass.runner import get_runner
from orepass.specs import AppDef, BindMount, DeviceMount, Resource, Role, VolumeMount

SCHEMA = json.loads(files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text())
TRAINER = Role(
    name="trainer",
    image="registry.example/team/train:1",
    entrypoint="python",
    args=["-m", "train", "--rank", "${replica_id}"],
    num_replicas=2,
    max_retries=3,
    resource=Resource(cpu=4, gpu=2, memMB=1024),
    port_map={"http": 8080},
    mounts=[BindMount("/data", "/in", read_only=True), VolumeMount("out", "/out"), DeviceMount("/dev/fuse", "/dev/f")],
    metadata={"docker.ipc": "host", "docker.volumes": [{"type": "tmpfs", "target": "/scratch"}], "slurm.x": "not ours"},
)
READER = Role("reader", "busybox", "cat", resource=Resource(-1, 1, -1))


def compose(*roles: Role, **options: Any) -> dict[str, Any]:
    """What is rendered, after the schema has found nothing in it."""
    text = str(get_runner("team").dryrun(AppDef("train", list(roles)), "docker", options, app_id="train-1"))
    document: dict[str, Any] = yaml.safe_load(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def test_an_app_is_a_project_with_a_service_for_each_replica() -> None:
    document = compose(TRAINER, READER)
    assert document["name"] == "train-1"
    assert list(document["services"]) == ["train-1-trainer-0", "train-1-trainer-1", "train-1-reader-0"]
    assert document["volumes"] == {"out": {"external": True}}
    assert "networks" not in document


def test_a_replica_has_all_that_its_role_says() -> None:
    service = compose(TRAINER)["services"]["train-1-trainer-1"]
    assert service["entrypoint"] + service["command"] == ["python", "-m", "train", "--rank", "1"]
    assert (service["cpus"], service["mem_limit"], service["restart"]) == (4, "1024m", "on-failure:3")
    assert (service["expose"], service["ipc"]) == (["8080"], "host")
    assert service["volumes"] == [
        {"type": "bind", "source": "/data", "target": "/in", "read_only": True, "bind": {"create_host_path": False}},
        {"type": "volume", "source": "out", "target": "/out"},
        {"type": "tmpfs", "target": "/scratch"},
    ]
    assert service["devices"] == [{"source": "/dev/fuse", "target": "/dev/f", "permissions": "rwm"}]


def test_every_replica_has_gpus_of_its_own() -> None:
    services = compose(TRAINER, READER)["services"].values()
    devices = [service["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] for service in services]
    assert devices == [["0", "1"], ["2", "3"], ["4"]]


def test_a_replica_is_told_which_it_is_and_finds_the_first() -> None:
    services = compose(TRAINER, READER)["services"]
    assert services["train-1-reader-0"]["environment"] == {
        "OREPASS_APP": "docker://team/train-1",
        "OREPASS_ROLE": "reader",
        "OREPASS_REPLICA": "0",
        "OREPASS_NUM_REPLICAS": "1",
        "OREPASS_RANK0_HOST": services["train-1-trainer-0"]["hostname"],
        "OREPASS_ATTEMPT": "0",
    }
    assert "OREPASS_ATTEMPT" not in services["train-1-trainer-0"]["environment"]  # Docker would not tell it


def test_a_network_that_is_there_can_be_used() -> None:
    assert compose(READER, network="team")["networks"] == {"default": {"name": "team", "external": True}}
