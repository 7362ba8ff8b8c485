from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from example_steps import Options, where
from omegaconf import OmegaConf
from prefect import flow

from orepass import Store
from orepass.blocks.launchers import LAUNCHERS, DebugLauncher, LocalLauncher, make_launcher
from orepass.blocks.launchers.default import DefaultTaskRunner, as_text, default_launcher
from orepass.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("said", "launcher"),
    [
        ("", LocalLauncher()),
        ("debug", DebugLauncher()),
        (" local  cpus=3 gpus=0 ", LocalLauncher(cpus=3, gpus=0)),
    ],
)
def test_the_environment_says_it(said: str, launcher: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OREPASS_LAUNCHER", said)
    assert default_launcher() == launcher


@pytest.mark.parametrize("name", sorted(LAUNCHERS))
def test_options_begin_as_on_the_command_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OREPASS_LAUNCHER", name)
    configured: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "launcher" / f"{name}.yaml"), resolve=True)
    assert default_launcher() == make_launcher(**configured)


@pytest.mark.parametrize("name", sorted(LAUNCHERS))
def test_a_launcher_can_be_said_and_read_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    configured: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "launcher" / f"{name}.yaml"), resolve=True)
    monkeypatch.setenv("OREPASS_LAUNCHER", as_text(configured))
    assert default_launcher() == make_launcher(**configured)


def test_awkward_options_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    prologue = ["export X='it''s'", 'echo "a b"', "$HOME ${HOME}", "1:30", "x=y", "null", "a,b"]
    monkeypatch.setenv("OREPASS_LAUNCHER", as_text({"name": "slurm", "prologue": prologue, "max_jobs": 3}))
    assert default_launcher() == make_launcher("slurm", prologue=prologue, max_jobs=3)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("locl", ["locl", "Did you mean 'local'?"]),
        ("local cpu=2", ["'cpu'", "cpus"]),
        ("local cpus=many", ["cpus", "'many'"]),
        ("local 'cpus", ["key=value"]),
        ("local cpus=${x", ["key=value"]),
        ("local cpus=[1", ["key=value"]),
    ],
)
def test_what_cannot_be_used(said: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OREPASS_LAUNCHER", said)
    with pytest.raises(ConfigError, match="OREPASS_LAUNCHER=") as error:
        default_launcher()
    for word in words:
        assert word in str(error.value)


@flow(task_runner=DefaultTaskRunner())
async def anywhere(journal: str) -> list[str]:
    return await where.schedule(Options(journal), over=[1, 2])


def test_a_flow_asks_when_it_begins(api: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OREPASS_LAUNCHER", "locl")
    with pytest.raises(ConfigError, match="OREPASS_LAUNCHER='locl'"):
        asyncio.run(anywhere(str(tmp_path)))
    monkeypatch.setenv("OREPASS_LAUNCHER", "debug")
    assert len(asyncio.run(anywhere(str(tmp_path)))) == 2


def test_a_saved_block(api: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalLauncher(cpus=1).save("for-this-test")  # type: ignore[unused-coroutine]
    monkeypatch.setenv("OREPASS_LAUNCHER", "block:orepass-local-launcher/for-this-test")
    found = default_launcher()
    assert isinstance(found, LocalLauncher) and found.cpus == 1
    assert len(asyncio.run(anywhere(str(tmp_path)))) == 2
    for nobodys in ("orepass-local-launcher/nobodys", "nothing"):
        monkeypatch.setenv("OREPASS_LAUNCHER", f"block:{nobodys}")
        with pytest.raises(ConfigError, match=f"No block '{nobodys}'.*TYPE/NAME.*prefect block ls"):
            default_launcher()
