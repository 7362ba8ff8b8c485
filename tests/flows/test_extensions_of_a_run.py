"""What drives a run knows the extensions of its document, as the workers do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orepass import Requirements, Store, get_env
from orepass.blocks.launchers import make_launcher
from orepass.extensions import Installed
from orepass.flows.experiment import experiment_config, run_experiment
from orepass.flows.runnable import RunnableFlowConfig, run_runnable
from orepass.run_environment import ENVIRONMENT_VARIABLE
from orepass.runnables import Call
from orepass.runnables.as_module import config_of

MODULE = "extension_of_a_run"
CODE = """
import orepass

class Ask:
    def run(self):
        (orepass.workdir() / "found").write_text(orepass.get_env().extensions["extension_of_a_run"])
"""


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    installed = Installed(MODULE, "./ask (1.0)", tmp_path / "installed")
    installed.packages.mkdir(parents=True)
    (installed.packages / f"{MODULE}.py").write_text(CODE)
    yield installed
    sys.modules.pop(MODULE, None)


def test_of_a_runnable(extension: Installed, api: str, store: Store) -> None:
    config = RunnableFlowConfig("ask", config_of(Call(f"{MODULE}.Ask"), [extension]))
    flow = run_runnable.with_options(task_runner=make_launcher("debug").task_runner())
    (found,) = asyncio.run(flow(config)).files
    assert {MODULE: found.read_text()} == get_env().extensions == {MODULE: "./ask (1.0)"}


def test_of_an_experiment(extension: Installed, api: str, store: Store, tmp_path: Path) -> None:
    call = Call("Experiment", {"pipeline": {"ask": Call(f"{MODULE}.Ask")}})
    config, _ = experiment_config(call, [extension], allow=(), folder=tmp_path, requires=Requirements())
    flow = run_experiment.with_options(task_runner=make_launcher("debug").task_runner())
    found = asyncio.run(flow(replace(config, output_dir=str(tmp_path / "out")))).files[-1]
    assert {MODULE: found.read_text()} == get_env().extensions == {MODULE: "./ask (1.0)"}
