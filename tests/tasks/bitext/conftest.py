from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from orepass.tasks.bitext.merge_indexes import MergeIndexesConfig, merge_indexes
from orepass.tasks.bitext.neighbours import Neighbours, NeighboursConfig, neighbours
from orepass.tasks.bitext.populate_index import PopulateIndexConfig, populate_index
from orepass.tasks.bitext.train_index import TrainIndexConfig, train_index

Save = Callable[..., list[Path]]
BuildIndex = Callable[..., Path]
FindNeighbours = Callable[..., list[Neighbours]]


@pytest.fixture(autouse=True)
def temporary_folders_of_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modules").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "modules"))


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write a matrix as `.npy` files, cut in about `shards` pieces of different lengths."""

    def write(name: str, rows: NDArray[np.generic], shards: int = 1) -> list[Path]:
        cuts = sorted({int(len(rows) * (i / shards) ** 1.5) for i in range(1, shards)} - {0, len(rows)})
        paths = []
        for number, piece in enumerate(np.split(rows, cuts)):
            paths.append(tmp_path / f"{name}.{shards}.{number}.npy")
            np.save(paths[-1], piece)
        return paths

    return write


@pytest.fixture
def build_index() -> BuildIndex:
    """Train, populate shard by shard, and merge."""

    def build(files: list[Path], index_type: str = "Flat") -> Path:
        trained = train_index(TrainIndexConfig("xx", tuple(files), index_type))
        filled = PopulateIndexConfig("xx", trained, index_type)
        return merge_indexes(MergeIndexesConfig(tuple(populate_index(filled, file) for file in files)))

    return build


@pytest.fixture
def find(build_index: BuildIndex) -> FindNeighbours:
    """The neighbours of each query shard among all rows of the indexed shards."""

    def search(
        queries: list[Path], indexed: list[Path], k: int, index_type: str = "Flat", num_cpu: int = 1
    ) -> list[Neighbours]:
        index = build_index(indexed, index_type)
        config = NeighboursConfig(index, tuple(indexed), k, num_cpu=num_cpu)
        return [neighbours(config, query) for query in queries]

    return search
