"""A command of the user's as an encoder: it reads sentences and writes their embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orepass.tasks.apps.command import OUTPUT, for_language, identity
from orepass.tasks.apps.command_run import Written, command_run
from orepass.tasks.text.encoders._base import EncoderConfig
from orepass.tasks.text.lines import one_lines, read_batches

_NPY = b"\x93NUMPY"
_CHECKED_AT_ONCE = 1 << 14


def load(config: EncoderConfig, lang: str) -> CommandEncoder:
    """See `Kind`; `{lang}` in the command stands for the language."""
    return CommandEncoder(config, lang)


def weights(config: EncoderConfig, lang: str) -> tuple[Path | str, ...]:
    """See `Kind`."""
    return (f"dim {config.dim}", *identity(for_language(config.command, lang), config.app))


class CommandEncoder:
    """Encodes with a command that is started once for each shard.

    Attributes:
        dim: the width of a row.
        tolerance: that of a neural encoder in float32; what the command does is not known.
    """

    tolerance = 1e-5

    def __init__(self, config: EncoderConfig, lang: str) -> None:
        self.dim = config.dim or 0
        self._words = for_language(config.command, lang)
        self._app = config.app

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences; see `Encoder`. The command's own rows are scaled to length 1."""
        if not sentences:
            return np.zeros((0, self.dim), np.float32)
        # A lone surrogate is no character, and UTF-8 cannot write it.
        texts = [sentence.encode("utf-8", "replace").decode() for sentence in sentences]
        with self._run(Path("sentences"), [texts]) as path:
            rows = _open(path, self.dim).astype(np.float64)
        norms = np.sqrt(np.vecdot(rows, rows))
        return (rows / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)

    @contextmanager
    def encode_file(self, text: Path) -> Iterator[Path]:
        """Embed a file; see `FileEncoder`."""
        with self._run(text, read_batches(text)) as path:
            yield path

    @contextmanager
    def _run(self, shard: Path, batches: Iterable[list[str]]) -> Iterator[Path]:
        with command_run("encoder", self._words, self._app, shard, map(one_lines, batches)) as written:
            yield self._checked(written)

    def _checked(self, written: Written) -> Path:
        """The rows in a file whose name says which kind it is, if there is one for each sentence and all are finite."""
        npy = written.path.with_suffix(".npy")  # which np.save adds where it is not there
        found = written.path if written.path.is_file() else npy
        if not found.is_file():
            raise written.refused(f"wrote no file at {OUTPUT}. It has to write its embeddings there, or to stdout.")
        with found.open("rb") as file:
            is_npy = file.read(len(_NPY)) == _NPY
        path = found.rename(npy if is_npy else written.path.with_suffix(".bin"))
        if is_npy:
            self._check_npy(written, path)
        else:
            self._check_raw(written, path)
        self._check_finite(written, _open(path, self.dim))
        return path

    def _check_npy(self, written: Written, path: Path) -> None:
        try:
            rows = np.lib.format.open_memmap(path, mode="r")
        except ValueError as error:
            raise written.refused(f"wrote a .npy file that is not whole: {error}.") from None
        if rows.shape != (written.sentences, self.dim):
            raise written.refused(
                f"wrote an array of shape {rows.shape} for {written.sentences:,} sentences and dim={self.dim}. It has "
                f"to be of shape ({written.sentences}, {self.dim}), one row a line; check dim."
            )
        if rows.dtype not in (np.float32, np.float16) or not rows.flags.c_contiguous:
            order = "" if rows.flags.c_contiguous else " in Fortran order"
            raise written.refused(
                f"wrote an array of {rows.dtype}{order}. Embeddings are little-endian float32 or float16 in C order: "
                "np.ascontiguousarray(rows, np.float32)."
            )

    def _check_raw(self, written: Written, path: Path) -> None:
        size, row = path.stat().st_size, self.dim * np.dtype(np.float32).itemsize
        if size != written.sentences * row:
            raise written.refused(
                f"wrote {size:,} bytes, which are {size / row:.6g} rows of dim={self.dim} float32 values, for "
                f"{written.sentences:,} sentences. It has to write {written.sentences * row:,} bytes, one row a line, "
                "or a .npy file; check dim, and that nothing else goes to stdout."
            )

    def _check_finite(self, written: Written, rows: NDArray[Any]) -> None:
        for start in range(0, len(rows), _CHECKED_AT_ONCE):
            bad = ~np.isfinite(rows[start : start + _CHECKED_AT_ONCE]).all(axis=1)
            if bad.any():
                raise written.refused(
                    f"wrote NaN or infinity for line {start + int(np.argmax(bad)) + 1}. A row of zeros may stand for a "
                    "sentence that it cannot embed."
                )


def _open(path: Path, dim: int) -> NDArray[Any]:
    if path.suffix == ".npy":
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    return np.asarray(np.memmap(path, "<f4", mode="r").reshape(-1, dim))
