"""Sentences to vectors with the networks of LASER: punctuation, pieces, ids, batches."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from orepass.errors import InputError
from orepass.tasks.text.encoders._base import EncoderConfig
from orepass.tasks.text.encoders.checkpoint import load_checkpoint
from orepass.tasks.text.encoders.laser import LaserFiles
from orepass.tasks.text.encoders.laser_networks import BOS, EOS, PAD, UNK, Lstm, Student
from orepass.tasks.text.encoders.neural import optional


class LaserModel:
    """Sentences to vectors, as the published tools do it.

    Attributes:
        dim: the width of a vector.
    """

    def __init__(self, files: LaserFiles, config: EncoderConfig, device: str) -> None:
        """Load the files.

        Raises:
            InputError: one of them is not what its name says, or they do not fit together.
        """
        self._moses = optional("sacremoses").MosesPunctNormalizer()
        self._pieces = _read_pieces(files.pieces)
        network, self._ids = _read_network(files)
        self.dim: int = network.dim
        self._device = device
        self._network = network.to(device, getattr(torch, config.dtype)).eval()
        self._batch_size = config.batch_size

    def __call__(self, sentences: list[str]) -> NDArray[np.float32]:
        """Vectors, float32, shape (n, dim), of n sentences."""
        tokens = [self._tokens(sentence) for sentence in sentences]
        order = sorted(range(len(tokens)), key=lambda i: -len(tokens[i]))
        rows = np.empty((len(tokens), self.dim), np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), self._batch_size):
                chosen = order[start : start + self._batch_size]
                rows[chosen] = self._network(self._padded([tokens[i] for i in chosen])).float().cpu().numpy()
        return rows

    def _tokens(self, sentence: str) -> list[int]:
        if not sentence.isprintable():
            sentence = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in sentence)
        # Pieces are parted by white space in the files that LASER was trained on; few hold some themselves.
        pieces = " ".join(self._pieces.encode(self._moses.normalize(sentence).lower(), out_type=str)).split()
        ids = [BOS] * self._network.starts_with_bos + [self._ids.get(piece, UNK) for piece in pieces]
        return [*ids[: self._network.longest - 1], EOS]

    def _padded(self, tokens: list[list[int]]) -> Any:
        longest = len(tokens[0])
        ids = [sentence + [PAD] * (longest - len(sentence)) for sentence in tokens]
        return torch.tensor(ids, device=self._device)


def _read_pieces(path: Path) -> Any:
    try:
        return optional("sentencepiece").SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as error:
        raise InputError(f"{str(path)!r} is no SentencePiece model: {error} Copy or download it again.") from error


def _read_network(files: LaserFiles) -> tuple[Lstm | Student, Mapping[str, int]]:
    checkpoint = load_checkpoint(files.checkpoint)
    try:
        if files.vocabulary is None:
            network: Lstm | Student = Lstm(checkpoint)
            ids: Mapping[str, int] = checkpoint["dictionary"]
        else:
            network = Student(checkpoint)
            ids = dict(_numbered(files.vocabulary))
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        kind = "LASER2" if files.vocabulary is None else "a student of LASER3"
        raise InputError(
            f"{str(files.checkpoint)!r} is not a checkpoint of {kind}: {type(error).__name__}: {error}. Give the file "
            "that was published under this name."
        ) from error
    rows, last = network.embed_tokens.num_embeddings, max(ids.values())
    if not last < rows <= last + 2:  # <mask> may be behind the last one, and is in no file
        raise InputError(
            f"{str(files.checkpoint)!r} has {rows} tokens, but its vocabulary {last + 1}. Give the .cvocab file that "
            "was published with it."
        )
    return network, ids


def _numbered(vocabulary: Path) -> Iterator[tuple[str, int]]:
    """The pieces of a `.cvocab` file, `PIECE COUNT` a line, with their ids: the first four are not in the file."""
    with vocabulary.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=4):
            piece, _, count = line.rstrip("\n").removesuffix(" #fairseq:overwrite").rpartition(" ")
            if not count.isdecimal():
                raise InputError(f"{str(vocabulary)!r}, line {number - 3}: {line!r} is not PIECE COUNT.")
            yield piece, number
