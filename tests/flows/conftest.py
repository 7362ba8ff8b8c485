from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes_of_tests import Run

from orepass import Store
from orepass.flows import _main

ROOT = Path(__file__).parent.parent.parent
CORPUS = 90
GOLD = 60
DIM = 12


@dataclass(frozen=True)
class Ended:
    """How a command line ended: its exit code, what it said on either stream, and what was logged."""

    code: int
    out: str
    err: str
    log: str


CommandLine = Callable[..., Ended]
Start = Callable[..., Run]


@pytest.fixture
def command_line(
    api: str,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> CommandLine:
    """Run a flow's command line in this process, which saves the seconds that a new one needs."""

    def run(name: str, *arguments: str) -> Ended:
        module = importlib.import_module(f"orepass.flows.{name}")
        options = {"mining": "MiningConfig", "index": "IndexConfig"}[name]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        capfd.readouterr()
        caplog.clear()
        code = 0
        try:
            _main.start(module.main, module.__doc__, getattr(module, options))
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capfd.readouterr(), caplog.text)

    return run


@pytest.fixture
def start(api: str, store: Store, tmp_path: Path) -> Iterator[Start]:
    """Start `python flows/NAME.py` as users do; killed at the end of the test at the latest."""
    started: list[Run] = []

    def run(name: str, *arguments: str) -> Run:
        command = [sys.executable, str(ROOT / "flows" / f"{name}.py"), *arguments]
        log = tmp_path / f"run{len(started)}.log"
        started.append(Run(command, log, cwd=tmp_path, env={**os.environ, "COLUMNS": "160"}, start_new_session=True))
        return started[-1]

    yield run
    for one in started:
        one.kill()


def write_corpus(folder: Path, cuts: tuple[int, ...] = (30, 35)) -> dict[str, Any]:
    """Two languages with embeddings: the first sentences are translations, the others are not.

    Returns:
        The `data` configuration, with its shards by list.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    meanings = random.normal(size=(GOLD, DIM))
    data: dict[str, Any] = {"name": "tiny", "shards": {}, "embeddings": {}, "gold": str(folder / "gold.tsv")}
    for lang in ("xx", "yy"):
        others = random.normal(size=(CORPUS - GOLD, DIM))
        rows = np.concatenate([meanings + random.normal(scale=0.1, size=meanings.shape), others]).astype(np.float32)
        lines = [f"sentence {number} of {lang}" for number in range(CORPUS)]
        parts = list(zip(np.split(rows, cuts), np.split(np.array(lines), cuts), strict=True))
        for number, (vectors, text) in enumerate(parts):
            np.save(folder / f"{lang}.{number}.npy", vectors)
            (folder / f"{lang}.{number}.txt").write_text("".join(f"{line}\n" for line in text))
        data["shards"][lang] = [str(folder / f"{lang}.{number}.txt") for number in range(len(parts))]
        data["embeddings"][lang] = [str(folder / f"{lang}.{number}.npy") for number in range(len(parts))]
    (folder / "gold.tsv").write_text(
        "".join(f"sentence {number} of xx\tsentence {number} of yy\n" for number in range(GOLD))
    )
    return data


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    return write_corpus(tmp_path / "data")


@pytest.fixture
def config_folder(tmp_path: Path, data: dict[str, Any]) -> Path:
    """A folder of a user's own configuration, with `data/tiny.yaml` (JSON is YAML)."""
    folder = tmp_path / "own"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "tiny.yaml").write_text(json.dumps(data))
    return folder
