"""The stages of an experiment on the n-gram encoder: the steps of flows/train_encoder.py as runnables."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain
from pathlib import Path

from orepass import get_env
from orepass.errors import ConfigError
from orepass.flows.train_encoder import unpacked_packages
from orepass.tasks.learn.build_encoder import BuildEncoderConfig, build_encoder, read_held_out
from orepass.tasks.learn.calibrate import xsim_error
from orepass.tasks.learn.read_package import ReadPackageConfig, read_package, read_rows
from orepass.tasks.learn.select_pairs import SelectPairsConfig, select_pairs
from orepass.tasks.learn.train_embeddings import TrainEmbeddingsConfig, train_embeddings
from orepass.tasks.text.encoders import EncoderConfig, load_encoder


class Pairs:
    """Training pairs and held-out pairs, out of the catalogs in the resource `packages`.

    Args:
        languages: the languages, besides English.
        held_out: patterns of names of packages that are not trained on.
        withheld: Python packages, or folders, of whose catalogs no text may be trained on.

    Attributes:
        folder: has `training.jsonl`, `sources.tsv` and the folder `held-out`, see `select_pairs`; None before the run.
    """

    def __init__(self, languages: list[str], held_out: list[str], withheld: list[str]) -> None:
        self._languages, self._held_out, self._withheld = tuple(languages), tuple(held_out), tuple(withheld)
        self.folder: Path | None = None

    def run(self) -> None:
        """Read the packages, and part their pairs.

        Raises:
            ConfigError: there is no such resource.
            InputError: there are no packages in it.
        """
        resources = get_env().resources
        if "packages" not in resources:
            raise ConfigError("Say where the packages are that were unpacked: resources.packages=FOLDER")
        packages = unpacked_packages(resources["packages"])
        read = tuple(read_package(ReadPackageConfig(self._languages), package) for package in packages)
        names = tuple(package.name for package in packages)
        selected = select_pairs(SelectPairsConfig(names, read, self._languages, self._held_out, self._withheld))
        self.folder = selected.training.parent


class Trained:
    """An encoder that is trained.

    Args:
        pairs: the folder of `Pairs`.
        learning_rate: this and all that follow are as in `TrainEmbeddingsConfig`.
        temperature: likewise.
        margin: likewise.
        dropout: likewise.
        epochs: likewise.
        dim: likewise.
        ngrams: likewise.
        batch: likewise.
        group: likewise.

    Attributes:
        folder: the encoder, for `encoder=hashed encoder.model=FOLDER`; None before the run.
        error: its xsim error on the held-out pairs; None before the run.
    """

    def __init__(
        self,
        pairs: Path,
        learning_rate: float,
        temperature: float,
        margin: float,
        dropout: float,
        epochs: float,
        dim: int = 256,
        ngrams: int = 118_000,
        batch: int = 1024,
        group: int = 256,
    ) -> None:
        self._pairs = pairs
        self._options = TrainEmbeddingsConfig(
            pairs / "training.jsonl", ngrams, dim, epochs, batch, group, learning_rate, temperature, margin, dropout
        )
        self.folder: Path | None = None
        self.error: float | None = None

    def run(self) -> None:
        """Train, pack and calibrate."""
        # The function itself: so its checkpoints are this step's, and a run that is killed goes on from the newest.
        embeddings = train_embeddings.function(self._options)
        counts = Counter(language for _, language, _, _ in read_rows(self._options.pairs))
        sources, held_out = self._pairs / "sources.tsv", held_out_of(self._pairs)
        self.folder = build_encoder(BuildEncoderConfig(embeddings, held_out, sources, dict(counts)))
        self.error = error_on(self._pairs, EncoderConfig("hashed", self.folder))

    def metric(self) -> float | None:
        """The xsim error; the lower the better."""
        return self.error


class Shipped:
    """The encoder that comes with orepass, to compare with.

    Args:
        pairs: the folder of `Pairs`.
    """

    def __init__(self, pairs: Path) -> None:
        self._pairs = pairs
        self.error: float | None = None

    def run(self) -> None:
        """Look how good it is."""
        self.error = error_on(self._pairs, EncoderConfig("bundled"))

    def metric(self) -> float | None:
        """The xsim error; the lower the better."""
        return self.error


def error_on(pairs: Path, encoder: EncoderConfig) -> float:
    """The xsim error on the held-out pairs, the mean of all packages and languages.

    Args:
        pairs: the folder of `Pairs`.
        encoder: whose error.
    """
    return xsim_error(load_encoder(encoder, "en"), chain.from_iterable(read_held_out(held_out_of(pairs)).values()))


def held_out_of(pairs: Path) -> tuple[Path, ...]:
    """The files of held-out pairs, one a package.

    Args:
        pairs: the folder of `Pairs`.
    """
    return tuple(sorted((pairs / "held-out").iterdir()))


def f1(folder: Path) -> float:
    """What a mining run writes of its F1.

    Args:
        folder: the `output_dir` of flows/mining.py.
    """
    (report,) = folder.glob("*/report.json")
    return float(json.loads(report.read_text())["evaluation"]["f1"])
