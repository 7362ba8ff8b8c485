"""What all neural encoders share: what is encoded at all, in which order, and what becomes of the vectors."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orepass.errors import ConfigError, InputError
from orepass.tasks.text.encoders._base import EncoderConfig

# Batches of another shape changed components by 2e-7 (float32) and 2e-3 (bfloat16) with a model of six layers and
# 384 dimensions; deeper ones round more often, and narrower ones have larger components.
_TOLERANCE = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}


class NeuralEncoder:
    """Keeps to the contract of `Encoder` around a model that turns any sentences into any vectors.

    The model gets every sentence once, the longest first and those of one length in alphabetical order: batches have
    little padding, the largest comes first (if memory does not suffice, it is known at once), and rows depend neither
    on the order of the sentences nor on repeats.

    Attributes:
        dim: the width of a row.
        tolerance: see `Encoder`.
    """

    def __init__(self, model: Callable[[list[str]], NDArray[Any]], dim: int, dtype: str) -> None:
        """Wrap a model.

        Args:
            model: n sentences, n >= 1, to vectors of shape (n, dim).
            dim: the width of a vector.
            dtype: the precision that it computes in.
        """
        self.dim = dim
        self.tolerance = _TOLERANCE[dtype]
        self._model = model
        self._dtype = dtype

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences; see `Encoder`."""
        # A lone surrogate is no character, and no tokenizer takes it.
        texts = [sentence.encode("utf-8", "replace").decode() for sentence in sentences]
        distinct = sorted(filter(_is_visible, set(texts)), key=lambda text: (-len(text), text))
        rows = np.zeros((len(texts), self.dim), np.float32)
        if distinct:
            vectors = self._unit(self._model(distinct))
            number = {text: i for i, text in enumerate(distinct)}
            for row, text in zip(rows, texts, strict=True):
                if text in number:
                    row[:] = vectors[number[text]]
        return rows

    def _unit(self, vectors: NDArray[Any]) -> NDArray[np.float64]:
        wide = vectors.astype(np.float64)
        norms = np.sqrt(np.vecdot(wide, wide))
        if not np.isfinite(norms).all():
            raise InputError(
                f"The model gave a vector with NaN or infinity in {self._dtype}. Try dtype=bfloat16 or float32; if it "
                "stays, the model is damaged."
            )
        return wide / np.where(norms > 0, norms, 1)[:, None]


def optional(package: str) -> Any:
    """Import a package that comes with the extra `encoders`.

    Raises:
        ConfigError: it cannot be imported.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"This encoder needs the package {package}, which cannot be imported: {error}. "
            "Install it: pip install 'orepass[encoders]'"
        ) from error


def pick_device(config: EncoderConfig) -> str:
    """Where this process is to compute: `cpu` or `cuda`.

    Raises:
        ConfigError: a GPU was asked for and there are none, or too few; or half precision without one.
    """
    torch = optional("torch")
    there = torch.cuda.device_count() if config.device != "cpu" else 0
    if config.device == "cuda" and there < config.processes:
        raise ConfigError(
            f"device=cuda with processes={config.processes}, but torch {torch.__version__} sees {there} GPUs on "
            f"{socket.gethostname()}. Set device=cpu, or a launcher that has them."
        )
    device = "cuda" if there >= config.processes else "cpu"
    if config.dtype == "float16" and device == "cpu":
        raise ConfigError("dtype=float16 needs a GPU: set device=cuda, or dtype=bfloat16 or float32 for a CPU.")
    return device


def _is_visible(text: str) -> bool:
    return any(character.isprintable() and character != " " for character in text)
