"""Train the n-gram encoder on the message catalogs of Debian packages; the bundled weights were made by this.

python flows/train_encoder.py packages=FOLDER
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
from orepass.errors import InputError
from orepass.flows._main import run_flow, start
from orepass.publish import publish
from orepass.tasks.learn.build_encoder import BuildEncoderConfig, build_encoder
from orepass.tasks.learn.read_package import PackagePairs, ReadPackageConfig, read_package
from orepass.tasks.learn.select_pairs import SelectPairsConfig, select_pairs
from orepass.tasks.learn.train_embeddings import TrainEmbeddingsConfig, train_embeddings


@dataclass(frozen=True)
class TrainEncoderConfig(Config):
    """What is trained, and on what.

    Attributes:
        packages: a folder with one folder for each Debian package, in which it was unpacked with `dpkg-deb -x`.
        languages: the languages, besides English.
        held_out: patterns of names of packages that are not trained on; thresholds are chosen on them.
        withheld: Python packages, or folders, of whose catalogs no text may be trained on.
        train: options of `TrainEmbeddingsConfig`.
        output_dir: where the encoder is put.
    """

    packages: Path
    languages: tuple[str, ...]
    held_out: tuple[str, ...]
    withheld: tuple[str, ...]
    train: Mapping[str, Any] = field(default_factory=dict)
    output_dir: str = "outputs/encoder"


@flow(name="train_encoder", task_runner=DefaultTaskRunner())
async def train_encoder(config: TrainEncoderConfig) -> Path:
    """Read catalogs, part them into training and held-out data, train, pack and calibrate.

    Returns:
        The folder of the encoder, for `encoder.name=hashed encoder.model=FOLDER`.
    """
    options = load(TrainEmbeddingsConfig, {**config.train, "pairs": Path()})  # before hours are spent on the rest
    packages = unpacked_packages(config.packages)
    read = await read_package.schedule(ReadPackageConfig(config.languages), over=packages)
    names, pairs = _with_pairs(packages, read)
    selected = await select_pairs.schedule(
        SelectPairsConfig(names, pairs, config.languages, config.held_out, config.withheld)
    )
    embeddings = await train_embeddings.schedule(replace(options, pairs=selected.training))
    encoder = await build_encoder.schedule(
        BuildEncoderConfig(embeddings, selected.held_out, selected.sources, selected.counts)
    )
    folder = Path(config.output_dir)
    for file in sorted(encoder.iterdir()):
        publish(file, folder)
    return folder


def unpacked_packages(folder: Path) -> list[Path]:
    """The folders of the packages, by name.

    Raises:
        InputError: there are none.
    """
    packages = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not packages:
        raise InputError(
            f"No packages in {str(folder)!r}. Unpack each into a folder of its own there: "
            "dpkg-deb -x NAME_VERSION.deb FOLDER/NAME_VERSION"
        )
    return packages


def _with_pairs(packages: list[Path], read: list[PackagePairs]) -> tuple[tuple[str, ...], tuple[PackagePairs, ...]]:
    found = [(path.name, pairs) for path, pairs in zip(packages, read, strict=True) if any(pairs.counts.values())]
    return tuple(name for name, _ in found), tuple(pairs for _, pairs in found)


@hydra.main(version_base="1.3", config_path="../conf", config_name="train_encoder")
def main(config: DictConfig) -> None:
    """Run the flow with a configuration that Hydra composed."""
    print(f"The encoder is in: {run_flow(train_encoder, config)}")


if __name__ == "__main__":
    start(main, __doc__, TrainEncoderConfig)
