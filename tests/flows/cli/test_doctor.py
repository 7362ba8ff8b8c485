from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from command_of_tests import orepass
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from orepass import Store
from orepass.flows.cli._checks import Finding, ask
from orepass.flows.cli.doctor import examine

NOWHERE = "http://127.0.0.1:9/api"


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Slurm nor a GPU."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.usefixtures("alone")
def test_a_sound_installation(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with temporary_settings({PREFECT_HOME: tmp_path / "prefect"}, restore_defaults={PREFECT_API_URL}):
        assert orepass("doctor", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(set(row) == {"check", "state", "found", "do"} for row in rows)
    states = {row["check"]: row["state"] for row in rows if not row["check"].startswith("extra ")}
    assert list(states) == [
        "Python", "orepass", "requirements", "Prefect server", "store", "disk of the store", "clock of the store",
        "processor", "memory", "exact mining", "compiled loops", "GPU", "torch", "FAISS", "Slurm",
    ]  # fmt: skip
    assert "trouble" not in states.values()
    assert not store.root.exists() and not (tmp_path / "prefect").exists()  # it only looks


@pytest.mark.usefixtures("alone")
def test_trouble_is_an_exit_code_and_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with temporary_settings({PREFECT_API_URL: NOWHERE}):
        assert orepass("doctor", "--store", str(tmp_path / "file/store")) == 1
    words = " ".join(capsys.readouterr().out.split())
    assert words.count(" trouble ") == 2
    assert f"Prefect server trouble no answer from {NOWHERE} (PREFECT_API_URL): ConnectError" in words
    assert "-> Start it (prefect server start)" in words
    assert "(--store) cannot be made: Not a directory -> Let $OREPASS_STORE" in words


def test_a_check_that_fails_or_hangs_does_not_keep_the_others() -> None:
    hangs = threading.Event()

    def broken() -> list[Finding]:
        raise ImportError("no such library")

    def hanging() -> list[Finding]:
        hangs.wait()
        return []

    fine = Finding("fine", "ok", "well")
    found = examine({"hanging": hanging, "broken": broken, "fine": lambda: [fine]}, within_s=0.5)
    hangs.set()
    assert [(one.check, one.state) for one in found] == [("hanging", "trouble"), ("broken", "trouble"), ("fine", "ok")]
    assert found[1].found == "it cannot be checked: ImportError: no such library"


def test_a_program_that_hangs_or_cannot_be_started_is_given_up(tmp_path: Path) -> None:
    assert ask("sleep", "60", within_s=0.2).err == "sleep did not answer within 0 s"
    (tmp_path / "no-program").touch(0o644)
    said = ask(str(tmp_path / "no-program"))
    assert said.code is None and said.err.endswith("Permission denied")
