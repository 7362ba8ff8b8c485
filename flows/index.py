"""Train a FAISS index on embeddings and fill it with them.

python flows/index.py embedding_files='[embeddings.bin]' index_type="OPQ64,IVF1024,PQ64" train_index.use_gpu=false
"""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig
from prefect import flow

from orepass.blocks.launchers.default import DefaultTaskRunner
from orepass.config import Config, load
from orepass.flows._main import run_flow, start
from orepass.publish import publish
from orepass.tasks.bitext.margin import check_choice
from orepass.tasks.bitext.populate_index import PopulateIndexConfig, populate_index
from orepass.tasks.bitext.train_index import TrainIndexConfig, train_index
from orepass.tasks.bitext.vectors import RAW_TYPES


@dataclass(frozen=True)
class IndexConfig(Config):
    """What is indexed, and how.

    Attributes:
        embedding_files: embeddings, `.npy` or raw `.bin`.
        index_type: any FAISS factory string, such as `Flat` or `OPQ64,IVF1024,PQ64`.
        embedding_dimensions: the width of the embeddings.
        embedding_dtype: the type of raw `.bin` embeddings, `float32` or `float16`.
        train_index: options of `TrainIndexConfig`; the four above are its defaults.
        populate_index: options of `PopulateIndexConfig`; likewise.
    """

    embedding_files: tuple[Path, ...]
    index_type: str
    embedding_dimensions: int = 1024
    embedding_dtype: str = "float32"
    train_index: Mapping[str, Any] = field(default_factory=dict)
    populate_index: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("embedding_dtype", self.embedding_dtype, RAW_TYPES)


@flow(name="index", task_runner=DefaultTaskRunner())
async def index(config: IndexConfig) -> Path:
    """Train an index, fill it, and say where it is.

    Returns:
        The filled index: a file, or a folder where its lists are a file of their own.
    """
    common = {name: getattr(config, name) for name in ("index_type", "embedding_dimensions", "embedding_dtype")}
    training = load(
        TrainIndexConfig, {"lang": "demo", "embedding_file": config.embedding_files, **common, **config.train_index}
    )
    filling = load(
        PopulateIndexConfig,
        {
            "lang": "demo",
            "embedding_files": config.embedding_files,
            **common,
            **config.populate_index,
            "index": Path(),  # not known yet, but all else is checked before hours are spent on training
        },
    )
    trained = await train_index.schedule(training, label=f"train_index.{training.lang}")
    filling = replace(filling, index=trained)
    populated = await populate_index.schedule(filling, label=f"populate_index.{filling.index_type}.{filling.lang}")
    for result, folder in ((trained, training.output_dir), (populated, filling.output_dir)):
        if folder is not None:
            _show(result, Path(folder))
    return populated


def _show(result: Path, folder: Path) -> None:
    if result.is_dir():
        for file in result.iterdir():
            publish(file, folder / result.name)
    else:
        publish(result, folder)


@hydra.main(version_base="1.3", config_path="../conf", config_name="index")
def main(config: DictConfig) -> None:
    """Run the flow with a configuration that Hydra composed."""
    print(f"Indexes are populated in: {run_flow(index, config)}")


if __name__ == "__main__":
    start(main, __doc__, IndexConfig)
