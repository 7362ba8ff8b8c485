from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import orepass.specs as specs
from orepass.errors import AppError, ConfigError

ECHO = specs.AppDef(
    name="echo",
    roles=[specs.Role(name="echo", entrypoint="/bin/echo", image="/tmp", args=["hello world"], num_replicas=1)],
)


def ddp(jobname: str, nnodes: int, image: str, entrypoint: str, *script_args: str):  # type: ignore[no-untyped-def]
    """The seed's component, as it is printed there."""
    single_gpu = specs.Resources(cpu=4, gpu=1, memMB=1024)
    return specs.AppDef(
        name=jobname,
        roles=[
            specs.Role(
                name="trainer",
                entrypoint=entrypoint,
                image=image,
                resource=single_gpu,
                args=script_args,
                num_replicas=nnodes,
            )
        ],
    )


def test_the_seeds_apps_are_apps() -> None:
    specs.check_app(ECHO)
    app = ddp("train", 2, "/tmp", "python", "-m", "trainer")
    specs.check_app(app)
    assert (app.roles[0].num_replicas, app.roles[0].resource.gpu, list(app.roles[0].args)) == (2, 1, ["-m", "trainer"])


def test_fields_come_in_torchxs_order_with_its_defaults() -> None:
    assert [one.name for one in dataclasses.fields(specs.Role)] == [
        "name", "image", "entrypoint", "args", "env", "num_replicas", "max_retries", "retry_policy", "resource",
        "port_map", "metadata", "mounts",
    ]  # fmt: skip
    role = specs.Role("trainer", "/tmp")
    assert (role.entrypoint, role.num_replicas, role.max_retries) == (specs.MISSING, 1, 0)
    assert (role.retry_policy, role.resource) == (specs.RetryPolicy.APPLICATION, specs.Resource(-1, -1, -1))
    assert [one.name for one in dataclasses.fields(specs.Resource)] == ["cpu", "gpu", "memMB", "capabilities"]


def test_macros_are_filled_in_and_other_words_stay() -> None:
    role = specs.Role(
        "trainer",
        "/tmp",
        "python",
        args=["--rank", specs.macros.replica_id, "$HOME", "$${x}", "${unknown}", "100$"],
        env={"APP": f"{specs.macros.app_id}/{specs.macros.img_root}"},
        metadata={"slurm": {"comment": [specs.macros.rank0_env, 3]}},
    )
    filled = specs.macros.Values(img_root="/img", app_id="app-1", replica_id="2", rank0_env="RANK0").apply(role)
    assert filled.args == ["--rank", "2", "$HOME", "${x}", "${unknown}", "100$"]
    assert filled.env == {"APP": "app-1//img"}
    assert filled.metadata == {"slurm": {"comment": ["RANK0", 3]}}
    assert role.metadata == {"slurm": {"comment": ["${rank0_env}", 3]}}


def role(**changes: Any) -> specs.AppDef:
    return specs.AppDef("app", [specs.Role(**{"name": "r", "image": "/tmp", "entrypoint": "true"} | changes)])


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (specs.AppDef("app"), "The app 'app' has no roles"),
        (specs.AppDef("", ECHO.roles), "The app has no name"),
        (specs.AppDef("app", ECHO.roles * 2), "The role 'echo' of the app 'app' is there 2 times"),
        (specs.AppDef("app", [specs.Role("r", "/tmp")]), "The role 'r' of the app 'app' has no entrypoint"),
        (role(entrypoint=""), "has no entrypoint"),
        (role(name=""), "The role '' of the app 'app' has no name"),
        (role(name="x" * 201), "has too long a name"),
        (role(num_replicas=0), "num_replicas=0. Give at least 1"),
        (role(max_retries=-1), "max_retries=-1"),
        (role(args="hello"), "has the text 'hello' for args"),
        (role(args=[1]), r"args\[0\]: Input should be a valid string, got 1"),
        (role(args=["\udc80"]), "in its args, which is no UTF-8"),
        (role(env={"A": 1}), "env.A: Input should be a valid string, got 1"),
        (role(env={"A=B": "1"}), "has the name 'A=B' in its env"),
        (role(num_replicas="2"), "num_replicas: Input should be a valid integer, got '2'"),
        (role(retry_policy="REPLICA"), "retry_policy: Input should be an instance of RetryPolicy, got 'REPLICA'"),
        (role(port_map={"http": "x"}), "port_map.http: Input should be a valid integer"),
        (role(resource="gpu_1"), "resource: .*, got 'gpu_1'"),
        (role(resource=specs.Resource(1.5, 0, 1)), "has a Resource that cannot be used:\n  cpu: .*got 1.5"),
        (role(mounts=[specs.BindMount("/a", None)]), "has a BindMount that cannot be used:\n  dst_path: .*got None"),
        (role(metadata={"a": {1, 2}}), "metadata or capabilities that JSON cannot hold"),
        (specs.AppDef("app", ECHO.roles[0]), "roles: Input should be a valid list"),
        (role(args=["a\0b"]), "has a NUL character in its args"),
    ],
)
def test_an_app_that_cannot_run_is_refused_in_words(app: specs.AppDef, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        specs.check_app(app)


def test_mounts_are_read_from_words() -> None:
    words = "type=bind src=/a dst=/b readonly type=volume source=v target=/v type=device src=/dev/x perm=r"
    assert specs.parse_mounts(words.split()) == [
        specs.BindMount("/a", "/b", read_only=True),
        specs.VolumeMount("v", "/v"),
        specs.DeviceMount("/dev/x", "/dev/x", "r"),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("src=/a dst=/b", "'src=/a' belongs to no mount"),
        ("type=bnd src=/a dst=/b", "type='bnd' is no kind of mount. Did you mean 'bind'"),
        ("type=bind scr=/a", "'scr=/a' is no part of a mount. Did you mean 'src'"),
        ("type=bind dst=/b", "The bind mount has no src"),
        ("type=volume src=v", "The volume mount of 'v' has no dst"),
    ],
)
def test_a_malformed_mount_is_refused_in_words(words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        specs.parse_mounts(words.split())


def test_states_are_torchxs_eight() -> None:
    assert [state.name for state in specs.AppState] == [
        "UNSUBMITTED", "SUBMITTED", "PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "UNKNOWN",
    ]  # fmt: skip
    assert [state.name for state in specs.AppState if specs.is_terminal(state)] == ["SUCCEEDED", "FAILED", "CANCELLED"]
    assert specs.is_started(specs.AppState.RUNNING) and not specs.is_started(specs.AppState.PENDING)
    specs.AppStatus(specs.AppState.SUCCEEDED).raise_for_status()
    with pytest.raises(AppError, match="The app failed: replica 0 of echo ended with 3"):
        specs.AppStatus(specs.AppState.FAILED, msg="replica 0 of echo ended with 3").raise_for_status()


ROUND_TRIP = """
import dataclasses, json
import torchx.specs
import orepass.specs as specs
from orepass.errors import ConfigError
from orepass.specs.torchx import from_torchx, to_torchx

app = specs.AppDef("app", [
    specs.Role("a", "/img", "python", ["-m", "x"], {"A": "1"}, 3, 2, specs.RetryPolicy.REPLICA,
               specs.Resource(4, 1, 1024, {"tier": "x"}), {"tcp": 80}, {"slurm.comment": "c"},
               [specs.BindMount("/a", "/b", True), specs.VolumeMount("v", "/v"), specs.DeviceMount("/d", "/d", "r")]),
    specs.Role("b", "/img"),
], {"owner": "me"})
theirs = to_torchx(app)
assert isinstance(theirs, torchx.specs.AppDef) and isinstance(theirs.roles[0].mounts[2], torchx.specs.DeviceMount)
assert theirs.roles[1] == torchx.specs.Role("b", "/img")
assert from_torchx(theirs) == app
assert [int(state) for state in specs.AppState] == [int(state) for state in torchx.specs.AppState]
theirs.roles[0].min_replicas = 3
assert from_torchx(theirs) == app
theirs.roles[0].min_replicas = 2
try:
    from_torchx(theirs)
except ConfigError as error:
    print(error)
"""


def test_torchx_has_the_same_apps(tmp_path: Path) -> None:
    """Beside the installed packages, because TorchX 0.7.0 wants an urllib3 that others here cannot use."""
    packages = ["torchx==0.7.0", "pyre-extensions", "typing-inspect", "mypy-extensions", "tabulate"]
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target", str(tmp_path)]
    installed = subprocess.run([*install, *packages], capture_output=True, text=True, timeout=300)
    assert installed.returncode == 0, installed.stderr
    command = [sys.executable, "-c", f"import sys; sys.path.append({json.dumps(str(tmp_path))})\n{ROUND_TRIP}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "Role.min_replicas=2 of TorchX has no place in an app here" in ended.stdout
