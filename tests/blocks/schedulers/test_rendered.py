"""What both schedulers that only render have in common."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from ruamel.yaml import YAML

from orepass.blocks.schedulers.docker import DockerScheduler
from orepass.blocks.schedulers.kubernetes import KubernetesScheduler
from orepass.blocks.schedulers.rendered import dns_name, label
from orepass.errors import AppError, ConfigError
from orepass.runner import get_runner
from orepass.specs import AppDef, BindMount, DeviceMount, Role, macros

ECHO = Role("echo", "python:3.12", "echo", ["hello"])
HOSTILE = [
    "", " ", "two words", "it's", '"', "a\nb\n", "\ttab", "$HOME", "$(HOME)", "${HOME}", "$", "$é", "y", "no", "null",
    "~", "1e3", "0o17", "1_000", "012", "2026-11-21", "=", "<<", "- a", "a: b", "# a", "{{x}}", "%", "\\n", "🙂",
    "\x85", "\u2028", "\x1b[0m",
]  # fmt: skip


class TestBlocks(BlockStandardTestSuite):
    test_has_a_documentation_url: Any = None  # the documentation has no public address that could be given
    test_has_a_valid_image: Any = None  # a logo would have to be fetched from the network

    @pytest.fixture(params=[DockerScheduler, KubernetesScheduler], ids=lambda block: block.__name__)
    def block(self, request: pytest.FixtureRequest) -> Any:  # type: ignore[override]
        return request.param


def rendered(scheduler: str, role: Role) -> tuple[list[str], dict[str, str]]:
    """The words and the variables that a role's only replica gets in the end."""
    text = str(get_runner().dryrun(AppDef("app", [role]), scheduler, app_id="app-1"))
    documents = list(yaml.safe_load_all(text))
    assert list(YAML(typ="safe").load_all(text)) == documents  # YAML 1.2 says the same as YAML 1.1
    if scheduler == "docker":
        (service,) = documents[0]["services"].values()
        words, variables = service["entrypoint"] + service["command"], service["environment"]
    else:
        (container,) = documents[1]["spec"]["template"]["spec"]["containers"]
        words = container["command"] + container.get("args", [])
        variables = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    return [arrived(word) for word in words], {name: arrived(value) for name, value in variables.items()}


def arrived(text: str) -> str:
    """What Kubernetes and Compose both make of a text in which `$` stands in pairs only."""
    assert not re.search(r"(?<!\$)(\$\$)*\$(?!\$)", text)
    return text.replace("$$", "$")


@pytest.mark.parametrize("scheduler", ["docker", "kubernetes"])
def test_hostile_words_arrive_as_they_are(scheduler: str) -> None:
    role = replace(ECHO, args=HOSTILE, env={f"V{number}": word for number, word in enumerate(HOSTILE)})
    words, variables = rendered(scheduler, role)
    assert words == ["echo", *HOSTILE]
    assert {name: value for name, value in variables.items() if name.startswith("V")} == role.env


# `$$` is left out: macros make `$` of it, everywhere.
@pytest.mark.parametrize("scheduler", ["docker", "kubernetes"])
@settings(max_examples=30, deadline=None)
@given(word=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).filter(lambda t: "$$" not in t))
def test_any_word_arrives_as_it_is(scheduler: str, word: str) -> None:
    words, variables = rendered(scheduler, replace(ECHO, args=[word], env={"V": word}))
    assert (words[1], variables["V"]) == (word, word)


@pytest.mark.parametrize("scheduler", ["docker", "kubernetes"])
def test_macros_are_filled_in(scheduler: str) -> None:
    role = replace(ECHO, args=[macros.app_id, macros.replica_id, macros.rank0_env, f"{macros.img_root}/bin"])
    assert rendered(scheduler, role)[0] == ["echo", "app-1", "0", "OREPASS_RANK0_HOST", "/bin"]


@pytest.mark.parametrize("scheduler", ["docker", "kubernetes"])
@pytest.mark.parametrize("image", ["", "/tmp", "~/image", "./image", "two words"])
def test_a_folder_is_no_image(scheduler: str, image: str) -> None:
    with pytest.raises(ConfigError, match=r"no container image.*local or slurm"):
        get_runner().dryrun(AppDef("app", [replace(ECHO, image=image)]), scheduler)


@pytest.mark.parametrize("scheduler", ["docker", "kubernetes"])
@pytest.mark.parametrize("mount", [BindMount("data", "/data"), BindMount("/data", "~/data"), DeviceMount("fuse", "/x")])
def test_mounts_have_absolute_paths(scheduler: str, mount: BindMount) -> None:
    with pytest.raises(ConfigError, match="no absolute path"):
        get_runner().dryrun(AppDef("app", [replace(ECHO, mounts=[mount])]), scheduler)


@pytest.mark.parametrize(
    ("scheduler", "submit", "look"),
    [
        ("docker", "docker compose -f - up", "docker compose -p app-1 ps"),
        ("kubernetes", "kubectl apply -f -", "kubectl get jobs,pods -l orepass/app=app-1"),
    ],
)
def test_what_needs_a_server_says_how_it_is_done_without_us(scheduler: str, submit: str, look: str) -> None:
    runner = get_runner()
    said = re.escape(f"`orepass app run --dryrun --scheduler {scheduler} ... | {submit}`") + f".*{re.escape(look)}"
    handle = f"{scheduler}://orepass/app-1"
    for ask in (
        lambda: runner.run(AppDef("app", [ECHO]), scheduler, app_id="app-1"),
        lambda: runner.status(handle),
        lambda: runner.wait(handle),
        lambda: runner.cancel(handle),
        lambda: runner.describe(handle),
        lambda: runner.log_lines(handle, "echo"),
    ):
        with pytest.raises(AppError, match=said):
            ask()
    with pytest.raises(AppError, match="only renders"):
        runner.list(scheduler)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_names_are_what_dns_takes(parts: list[str]) -> None:
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,59}[a-z0-9])?", dns_name(*parts))
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", label(parts[0]))


def test_different_names_stay_different() -> None:
    assert dns_name("app-1", "trainer", "0") == "app-1-trainer-0"
    assert len({dns_name(name, "0") for name in ("a_b", "a.b", "A-b", "a-b", "a" * 70, "a" * 71)}) == 6
