from __future__ import annotations

from pathlib import Path

import pytest

from orepass.components import Settings, build_app, find_component, read_settings
from orepass.errors import ConfigError
from orepass.specs import Resource

ALL = """
scheduler: slurm
schedulers: {slurm: {partition: gpu}}
components:
  dist.ddp: {j: 2x2, script: train.py}
  ~/app.py:job: {n: 1}
resources: {gpu_small: {cpu: 4, gpu: 1, memMB: 16384}}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home/.orepass").mkdir(parents=True)
    return tmp_path / "home"


def test_settings_are_read_from_the_nearest_place(home: Path) -> None:
    assert read_settings() == Settings()
    (home / ".orepass/apps.yaml").write_text("scheduler: docker")
    assert read_settings().scheduler == "docker"
    Path("orepass-apps.yaml").write_text("")
    assert read_settings() == Settings()
    (home / "mine.yaml").write_text(ALL)
    assert read_settings("~/mine.yaml") == Settings(
        scheduler="slurm",
        schedulers={"slurm": {"partition": "gpu"}},
        components={"dist.ddp": {"j": "2x2", "script": "train.py"}, "~/app.py:job": {"n": 1}},
        resources={"gpu_small": Resource(4, 1, 16384)},
    )


def test_arguments_of_components_come_from_settings(home: Path) -> None:
    (home / "mine.yaml").write_text(ALL)
    component = find_component("ddp")
    (role,) = build_app(component, [], read_settings(home / "mine.yaml").components[component.name]).roles
    assert (role.name, role.num_replicas) == ("train", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schedular: local", "No option 'schedular' in Settings. Did you mean 'scheduler'"),
        ("scheduler: slrum", "no scheduler 'slrum'. Did you mean 'slurm'"),
        ("schedulers: {locl: {}}", "no scheduler 'locl'. Did you mean 'local'"),
        ("schedulers: [local]", r"Settings cannot be used:\n  schedulers: Input should be a valid .*got \['local'\]"),
        ("components: {dist.dpp: {}}", "no component 'dist.dpp'. Did you mean 'dist.ddp'"),
        (
            "components: {dist.ddp: 2x2}",
            "Settings cannot be used:\n  components.dist.ddp: Input should be a valid .*got '2x2'",
        ),
        ("resources: {a: {cpu: 1, gpus: 1}}", "resources.a: No option 'gpus' in Resource. Did you mean 'gpu'"),
        ("resources: {a: {cpu: 1, gpu: 0}}", "resources.a: Resource cannot be used:\n  memMB: required"),
        (
            "resources: {a: {cpu: x, gpu: 0, memMB: 1}}",
            "resources.a: Resource cannot be used:\n  cpu: Input should be a valid integer",
        ),
        ("[1]", "expected a mapping with scheduler, schedulers, components, resources"),
        ("a: [", "this is no YAML"),
    ],
)
def test_wrong_settings_are_refused_in_words_that_name_the_file(home: Path, text: str, message: str) -> None:
    Path("orepass-apps.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"^orepass-apps.yaml: {message}"):
        read_settings()


def test_a_settings_file_that_is_named_has_to_be_there(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no settings file nowhere\.yaml"):
        read_settings("nowhere.yaml")
