"""The base job templates, rendered by the workers that read them."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.workers.base import BaseJobConfiguration
from prefect.workers.process import ProcessJobConfiguration

from orepass.blocks.launchers.pool.variables import job_variables
from orepass.deployments.slurm_worker import SlurmJobConfiguration
from orepass.deployments.work_pools import TYPES, base_job_template, create_pool, main
from orepass.errors import ConfigError
from orepass.requirements import Requirements

NEEDS = Requirements(cpus=4, gpus=2, mem_gb=7.5, timeout_min=55)


def render(
    kind: str,
    configuration: type[BaseJobConfiguration],
    given: dict[str, Any] | None = None,
    needs: Requirements = NEEDS,
    **defaults: Any,
) -> Any:
    """What a worker makes of a pool's template and of the job variables of a step's run."""
    template = base_job_template(kind, defaults)

    async def resolve() -> Any:
        values = job_variables(needs, template, given or {})
        async with get_client() as client:
            found = await configuration.from_template_and_values(template, values, client=client)
        found.prepare_for_flow_run(FlowRun(flow_id="6b1a2f4e-0000-4000-8000-000000000000", name="train[3]"))
        return found

    return asyncio.run(resolve())


def test_process(api: str) -> None:
    found = render("process", ProcessJobConfiguration, {"env": {"HF_HOME": "/data/hf"}})
    assert found.env["HF_HOME"] == "/data/hf"
    assert "prefect.engine" in found.command
    assert found.stream_output is False


def test_slurm(api: str) -> None:
    found = render("orepass-slurm", SlurmJobConfiguration, {"account": "nlp"}, partition="gpu", gpu_type="a100")
    assert (found.partition, found.account, found.gpu_type) == ("gpu", "nlp", "a100")
    assert (found.cpus, found.gpus, found.mem_gb, found.time_limit_min) == (4, 2, 8.5, 60)
    assert found.command.endswith("-m prefect flow-run execute")
    assert render("orepass-slurm", SlurmJobConfiguration, needs=Requirements(gpus=1)).time_limit_min is None


def test_docker(api: str) -> None:
    docker = pytest.importorskip("prefect_docker.worker")
    volumes = ["/data/store:/data/store"]
    found = render("docker", docker.DockerWorkerJobConfiguration, image="orepass:1", volumes=volumes)
    assert (found.image, found.mem_limit, found.volumes) == ("orepass:1", "8704m", volumes)
    # Docker counts no GPUs: a container sees all, and steps take theirs by locks that all containers share.
    assert found.env["OREPASS_GPU_LOCKS"] == found.container_create_kwargs["mounts"][0]["Target"]
    assert found.container_create_kwargs["nano_cpus"] == 4 * 10**9
    request = found.container_create_kwargs["device_requests"]
    client = pytest.importorskip("docker.types")
    made = client.HostConfig(version="1.43", device_requests=request, mounts=found.container_create_kwargs["mounts"])
    assert made["DeviceRequests"][0] == client.DeviceRequest(driver="nvidia", count=-1, capabilities=[["gpu"]])


def test_kubernetes(api: str) -> None:
    kubernetes = pytest.importorskip("prefect_kubernetes.worker")
    given = {"node_selector": {"nvidia.com/gpu.product": "H100"}}
    found = render("kubernetes", kubernetes.KubernetesWorkerJobConfiguration, given, image="orepass:1")
    pod = found.job_manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "orepass:1"
    assert container["resources"] == {
        "requests": {"cpu": 4, "memory": "8.5Gi"},
        "limits": {"memory": "8.5Gi", "nvidia.com/gpu": 2},
    }
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "H100"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["activeDeadlineSeconds"] == 60 * 60
    assert container["volumeMounts"] == [{"name": "shm", "mountPath": "/dev/shm"}]
    assert found.job_manifest["spec"]["backoffLimit"] == 0


def test_kubernetes_without_a_deadline_or_nodes(api: str) -> None:
    kubernetes = pytest.importorskip("prefect_kubernetes.worker")
    config = kubernetes.KubernetesWorkerJobConfiguration
    pod = render("kubernetes", config, needs=Requirements(gpus=1), image="orepass:1").job_manifest["spec"]["template"][
        "spec"
    ]
    assert "activeDeadlineSeconds" not in pod and "nodeSelector" not in pod


@pytest.mark.parametrize("kind", TYPES)
def test_every_placeholder_is_a_variable(kind: str) -> None:
    template = base_job_template(kind, {"image": "orepass:1"} if kind in ("docker", "kubernetes") else None)
    named = set(re.findall(r"{{ (\w+) }}", str(template["job_configuration"])))
    assert named | {"env"} == set(template["variables"]["properties"])  # which Prefect merges where it is not named


def test_the_server_takes_them_and_keeps_limits(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["made", "--type", "process", "--limit", "2"]) == 0
    assert "prefect worker start --pool made --type process" in capsys.readouterr().out
    assert main(["made", "--type", "process", "--limit", "3", "--set", "env.A=b"]) == 0
    for kind in ("docker", "kubernetes"):
        assert main([f"made-{kind}", "--type", kind, "--set", "image=orepass:1"]) == 0

    async def read() -> Any:
        async with get_client() as client:
            return await client.read_work_pool("made")

    pool = asyncio.run(read())
    assert pool.concurrency_limit == 3
    assert pool.base_job_template["variables"]["properties"]["env"]["default"] == {"A": "b"}
    assert main(["made", "--type", "orepass-slurm"]) == 2
    assert "There is a work pool 'made' of type process" in capsys.readouterr().err


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(ConfigError, match=r"have no variable 'partitoin'\. Did you mean 'partition'\?"):
        base_job_template("orepass-slurm", {"partitoin": "gpu"})
    with pytest.raises(ConfigError, match="need an image"):
        base_job_template("kubernetes")
    with pytest.raises(ConfigError, match="No template for work pools of type 'k8s'"):
        asyncio.run(create_pool("p", "k8s"))
