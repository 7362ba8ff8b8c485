from __future__ import annotations

from pathlib import Path

import pytest

import orepass.specs as specs
from orepass.errors import ConfigError


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and a home without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_resources_have_names() -> None:
    assert specs.named_resource("gpu_1") == specs.Resource(cpu=8, gpu=1, memMB=65536)
    specs.named_resource("gpu_1").gpu = 2
    assert specs.named_resource("gpu_1").gpu == 1


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"No resource 'gpu_2'. Did you mean 'gpu_.'\? Valid: cpu_1, cpu_16, cpu_4"):
        specs.named_resource("gpu_2")


def test_a_resource_is_made_of_parts_or_of_a_name() -> None:
    assert specs.resource(cpu=2, memMB=512) == specs.Resource(2, -1, 512)
    assert specs.resource() == specs.Role("r", "").resource
    assert specs.resource(cpu=2, h="cpu_4").cpu == 4


def test_the_settings_file_adds_names_and_wins(tmp_path: Path) -> None:
    (tmp_path / "orepass-apps.yaml").write_text(
        "resources: {mine: {cpu: 3, gpu: 1, memMB: 1, capabilities: {tier: fast}}, cpu_1: {cpu: 1, gpu: 0, memMB: 7}}"
    )
    assert specs.named_resource("mine") == specs.Resource(3, 1, 1, {"tier": "fast"})
    assert specs.named_resource("cpu_1").memMB == 7
    with specs.use_resources({"other": specs.Resource(9, 9, 9)}):
        assert specs.resource(h="other").cpu == 9
        assert specs.named_resource("cpu_1").memMB == 4096
        with pytest.raises(ConfigError, match="Did you mean 'other'"):
            specs.named_resource("othr")
    assert specs.named_resource("mine").cpu == 3


def test_other_packages_register_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    metadata = tmp_path / "machines-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: machines\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[orepass.resources]\nbig = machines_of_mine:big\nconst = machines_of_mine:CONST\n"
        "bad = machines_of_mine:BAD\ngone = machines_of_mine:gone\n"
    )
    (tmp_path / "machines_of_mine.py").write_text(
        "from orepass.specs import Resource\ndef big(): return Resource(99, 0, 1)\nCONST = Resource(9, 0, 1)\nBAD = 3\n"
    )
    assert specs.named_resource("big").cpu == 99
    assert specs.named_resource("const").cpu == 9
    with pytest.raises(ConfigError, match=r"The resource bad \(machines_of_mine:BAD\) is of type int, not Resource"):
        specs.named_resource("bad")
    with pytest.raises(ConfigError, match=r"The resource gone \(machines_of_mine:gone\) cannot be had"):
        specs.named_resource("gone")
