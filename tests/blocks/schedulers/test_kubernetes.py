"""Rendered documents against the models of Kubernetes' own client, which are made from the schema of its API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiClient, V1Job, V1Service
from pydantic import ValidationError

from orepass.errors import ConfigError
from orepass.runner import get_runner
from orepass.specs import AppDef, BindMount, DeviceMount, Resource, Role, VolumeMount

MODELS = {"Job": V1Job, "Service": V1Service}
TRAINER = Role(
    name="trainer",
    image="registry.example/team/train:1",
    entrypoint="python",
    args=["-m", "train", "--rank", "${replica_id}"],
    env={"MODE": "fast"},
    num_replicas=2,
    max_retries=3,
    resource=Resource(cpu=4, gpu=1, memMB=1024, capabilities={"gpu.example/kind": "a100", "fast": True}),
    port_map={"http": 8080},
    mounts=[BindMount("/data", "/in", read_only=True), VolumeMount("out", "/out"), DeviceMount("/dev/fuse", "/dev/f")],
    metadata={
        "kubernetes.job.ttlSecondsAfterFinished": 3600,
        "kubernetes.pod.priorityClassName": "${app_id}",
        "kubernetes.pod.volumes": [{"name": "scratch", "emptyDir": {}}],
        "kubernetes.container.volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        "kubernetes.container.imagePullPolicy": "Always",
        "slurm.partition": "not ours",
    },
)
READER = Role("reader", "busybox", "cat", ["/etc/hostname"])


def documents(*roles: Role, **options: Any) -> list[dict[str, Any]]:
    """What is rendered, after the client has taken it: nothing is unknown to it, missing or of another type."""
    app = AppDef("train", list(roles), metadata={"kubernetes.pod.schedulerName": "batch"})
    text = str(get_runner("team").dryrun(app, "kubernetes", options, app_id="train-1"))
    client = ApiClient()
    found = list(yaml.safe_load_all(text))
    for document in found:
        model = MODELS[document["kind"]].model_validate(document)
        assert client.sanitize_for_serialization(model) == document
    return found


def test_an_app_is_a_service_and_a_job_for_each_replica() -> None:
    service, *jobs = documents(TRAINER, READER)
    assert (service["kind"], service["spec"]["clusterIP"]) == ("Service", "None")
    names = [job["metadata"]["name"] for job in jobs]
    assert names == ["train-1-trainer-0", "train-1-trainer-1", "train-1-reader-0"]
    for job in jobs:
        template = job["spec"]["template"]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        assert template["spec"]["subdomain"] == service["metadata"]["name"]
    assert jobs[1]["metadata"]["labels"] == {
        "orepass/session": "team",
        "orepass/app": "train-1",
        "orepass/role": "trainer",
        "orepass/replica": "1",
    }


def test_a_replica_has_all_that_its_role_says() -> None:
    spec = documents(TRAINER)[2]["spec"]
    assert (spec["backoffLimit"], spec["backoffLimitPerIndex"], spec["ttlSecondsAfterFinished"]) == (3, 3, 3600)
    pod = spec["template"]["spec"]
    assert pod["nodeSelector"] == {"gpu.example/kind": "a100", "fast": "true"}
    assert (pod["priorityClassName"], pod["schedulerName"]) == ("train-1", "batch")
    assert pod["volumes"] == [
        {"name": "mount-0", "hostPath": {"path": "/data"}},
        {"name": "mount-1", "persistentVolumeClaim": {"claimName": "out"}},
        {"name": "mount-2", "hostPath": {"path": "/dev/fuse"}},
        {"name": "scratch", "emptyDir": {}},
    ]
    (container,) = pod["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("registry.example/team/train:1", "Always")
    assert container["command"] + container["args"] == ["python", "-m", "train", "--rank", "1"]
    wanted = {"cpu": "4", "memory": "1024Mi", "nvidia.com/gpu": "1"}
    assert container["resources"] == {"requests": wanted, "limits": wanted}
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert [one["mountPath"] for one in container["volumeMounts"]] == ["/in", "/out", "/dev/f", "/scratch"]
    assert [one.get("readOnly", False) for one in container["volumeMounts"]] == [True, False, False, False]
    assert container["securityContext"] == {"privileged": True}


def test_a_replica_is_told_which_it_is() -> None:
    service, *jobs = documents(TRAINER, READER)
    (container,) = jobs[2]["spec"]["template"]["spec"]["containers"]
    *told, attempt = container["env"]
    assert {one["name"]: one["value"] for one in told} == {
        "OREPASS_APP": "kubernetes://team/train-1",
        "OREPASS_ROLE": "reader",
        "OREPASS_REPLICA": "0",
        "OREPASS_NUM_REPLICAS": "1",
        # The host name of a pod of an indexed Job is the Job's with the index, here always 0.
        "OREPASS_RANK0_HOST": f"{jobs[0]['metadata']['name']}-0.{service['metadata']['name']}",
    }
    assert attempt["name"] == "OREPASS_ATTEMPT"
    assert "job-index-failure-count" in attempt["valueFrom"]["fieldRef"]["fieldPath"]


def test_what_a_role_does_not_say_is_left_to_kubernetes() -> None:
    pod = documents(READER)[1]["spec"]["template"]["spec"]
    assert sorted(pod) == ["containers", "restartPolicy", "schedulerName", "subdomain"]
    assert sorted(pod["containers"][0]) == ["args", "command", "env", "image", "name"]


def test_options_hold_for_all() -> None:
    options = {"namespace": "ml", "service_account": "trainer", "image_pull_secrets": ["registry"]}
    service, job = documents(READER, **options)
    assert service["metadata"]["namespace"] == job["metadata"]["namespace"] == "ml"
    pod = job["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["imagePullSecrets"]) == ("trainer", [{"name": "registry"}])


def test_a_misspelt_field_would_be_seen() -> None:
    """That the client is as strict as the tests above take it to be."""
    with pytest.raises(ValidationError, match="imagePolicy"):
        documents(replace(READER, metadata={"kubernetes.container.imagePolicy": "Always"}))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"port_map": {"Web_UI": 80}}, "port 'Web_UI'"),
        ({"metadata": {"kubernetes.pods.x": 1}}, "Did you mean 'pod'"),
        ({"metadata": {"kubernetes.pod": {}}}, "kubernetes.PLACE.FIELD"),
        ({"resource": Resource(1, 0, 1, {"kind": ["a", "b"]})}, "capability 'kind'"),
    ],
)
def test_what_kubernetes_cannot_be_told_is_said(fields: dict[str, Any], said: str) -> None:
    app = AppDef("app", [Role("reader", "busybox", "cat", **fields)])
    with pytest.raises(ConfigError, match=said):
        get_runner().dryrun(app, "kubernetes")
