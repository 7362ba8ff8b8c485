from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from orepass import Store
from orepass.blocks.launchers import DebugLauncher
from orepass.flows.index import index

from .conftest import CommandLine, Start


@pytest.fixture
def embeddings(tmp_path: Path) -> list[Path]:
    """Two raw files of float16, 600 rows of width 16."""
    rows = np.random.default_rng(0).normal(size=(600, 16)).astype(np.float16)
    paths = [tmp_path / "a.bin", tmp_path / "b.bin"]
    for path, part in zip(paths, np.split(rows, [200]), strict=True):
        part.tofile(path)
    return paths


def test_the_documented_command_and_python_have_the_same_keys(
    start: Start, store: Store, embeddings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(
        "index", f"embedding_files=[{embeddings[0]},{embeddings[1]}]", "embedding_dimensions=16",
        "embedding_dtype=float16", "index_type=PCA8,IVF2,Flat", "train_index.use_gpu=false",
    )  # fmt: skip
    said = run.end()
    assert run.process.returncode == 0, said
    assert "Traceback" not in said
    place = Path(said.rpartition("Indexes are populated in: ")[2].strip())
    assert faiss.read_index(str(place)).ntotal == 600
    assert (tmp_path / "ts.index.iteration_0" / "trained.index").is_file()
    assert (tmp_path / "index.0" / "populated.index").is_file()
    config = {
        "embedding_files": [str(path) for path in embeddings],
        "embedding_dimensions": 16,
        "embedding_dtype": "float16",
        "index_type": "PCA8,IVF2,Flat",
        "train_index": {"num_cpu": 1, "fp16": True},
    }
    monkeypatch.chdir(tmp_path)
    flow: Any = index.with_options(task_runner=DebugLauncher().task_runner())
    assert asyncio.run(flow(config=config)) == place
    assert len(list(store.root.glob("*_index/*"))) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], ["embedding_files"]),
        (["embedding_files=[a.bin]"], ["index_type"]),
        (["embedding_file=[a.bin]", "embedding_files=[a.bin]", "index_type=Flat"], ["embedding_file", "Valid: "]),
        (["embedding_files=[a.bin]", "index_type=Flat", "embedding_dtype=int8"], ["'int8'", "float16, float32"]),
        (["embedding_files=[a.bin]", "index_type=Flat", "train_index.use_gpus=false"], ["use_gpus", "use_gpu"]),
    ],
)
def test_wrong_or_missing_options(command_line: CommandLine, arguments: list[str], said: list[str]) -> None:
    ended = command_line("index", "launcher=debug", *arguments)
    assert ended.code == 2, ended.err
    for words in said:
        assert words in ended.err
    assert "Traceback" not in ended.err + ended.log


@pytest.mark.parametrize(
    ("index_type", "code", "said"),
    [("IVF4,Flt", 1, ["IVF4,Flt"]), ("IVF100000,Flat", 1, ["IVF100000,Flat", "Give more sentences"])],
)
def test_index_types_that_cannot_be(
    command_line: CommandLine, embeddings: list[Path], index_type: str, code: int, said: list[str]
) -> None:
    ended = command_line(
        "index", "launcher=debug", f"embedding_files=[{embeddings[0]}]", "embedding_dimensions=16",
        "embedding_dtype=float16", f"index_type={index_type}", "train_index.use_gpu=false",
    )  # fmt: skip
    assert ended.code == code, ended.err
    for words in said:
        assert words in ended.err
    assert "Traceback" not in ended.err + ended.log


def test_a_file_that_is_not_there(command_line: CommandLine) -> None:
    ended = command_line("index", "launcher=debug", "embedding_files=[nowhere.bin]", "index_type=Flat")
    assert ended.code == 1
    assert "nowhere.bin" in ended.err.rpartition("Error: ")[2]
    assert "Traceback" not in ended.err + ended.log
