"""The contract of sentence encoders."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from orepass.config import Config
from orepass.errors import ConfigError, did_you_mean
from orepass.tasks.apps.command import CommandOptions, Words

KINDS = {
    "bundled": "orepass.tasks.text.encoders.hashed",
    "hashed": "orepass.tasks.text.encoders.hashed",
    "laser2": "orepass.tasks.text.encoders.laser",
    "laser3": "orepass.tasks.text.encoders.laser",
    "sentence_transformers": "orepass.tasks.text.encoders.sentence_transformer",
    "command": "orepass.tasks.text.encoders.command",
}
"""The Python module of each kind of encoder. They are imported where one is asked for, as torch takes seconds."""

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class EncoderConfig(Config):
    """Which encoder makes embeddings of sentences, and what it may use.

    Attributes:
        name: `bundled`, the weights that come with this package; `hashed`, weights of the same kind that
            `flows/train_encoder.py` made; `sentence_transformers`; `laser2`; `laser3`; `command`, for any program; or a
            Python module of your own, such as `my_package.my_encoder` (see `Kind`).
        model: the folder of the weights, or for `sentence_transformers` a name on the Hugging Face Hub.
        revision: the branch, tag or commit of a model on the Hub; None for its main branch.
        prompt: what the model wants before every sentence, such as `query: `; None for the model's own.
        device: `cuda` asks the launcher for a GPU; `auto` uses one if the step happens to see one; or `cpu`.
        dtype: the precision of a neural encoder, `float32`, `float16` (on a GPU) or `bfloat16`.
        batch_size: sentences that a neural encoder works on at a time.
        processes: processes that encode side by side, each with `num_cpu / processes` cores, or a GPU of its own.
        num_cpu: cores for one step.
        mem_gb: memory for one step, in GiB.
        command: the words of a command that reads a sentence a line, in UTF-8, in the file `{input}` or on stdin; and
            writes a row for each, as raw little-endian float32 or as a `.npy` file, to the file `{output}` or to
            stdout. `{lang}` stands for the language.
        dim: the width of the rows that the command writes.
        app: how the command runs.
    """

    name: str = "bundled"
    model: str | Path | None = None
    revision: str | None = None
    prompt: str | None = None
    device: str = "auto"
    dtype: str = "float32"
    batch_size: int = 32
    processes: int = 1
    num_cpu: int = 1
    mem_gb: float = 2.0
    command: Words = ()
    dim: int | None = None
    app: CommandOptions = field(default_factory=CommandOptions)

    def __post_init__(self) -> None:
        if self.name not in KINDS and "." not in self.name:
            raise ConfigError(f"there is no encoder {self.name!r}. {did_you_mean(self.name, KINDS)}")
        for option, value, valid in (("device", self.device, DEVICES), ("dtype", self.dtype, DTYPES)):
            if value not in valid:
                raise ConfigError(f"{option}={value!r} is not known to encoders. {did_you_mean(value, valid)}")
        for option in ("batch_size", "processes", "num_cpu", "dim"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise ConfigError(f"{option}={value} is too small; it must be at least 1.")
        self._check_command()

    def _check_command(self) -> None:
        if self.name != "command":
            if self.command or self.dim or self.app != CommandOptions(image=self.app.image):
                raise ConfigError(f"command, dim and app are options of the encoder 'command', not of {self.name!r}.")
            return
        if not self.command or not self.dim:
            raise ConfigError("the encoder 'command' needs command=[the words of a command] and dim=<the rows' width>.")
        for option in fields(self):
            if option.name not in ("name", "command", "dim", "app") and getattr(self, option.name) != option.default:
                raise ConfigError(
                    f"the encoder 'command' takes no {option.name}. What the command needs to know stands in its "
                    "words, and what it needs of the machine in app: num_cpu, num_gpu, mem_gb."
                )


@runtime_checkable
class Encoder(Protocol):
    """Turns sentences into vectors whose cosine says how near they are in meaning, across languages.

    Every encoder keeps to this, and `tests/tasks/text/encoders` holds each of them to it:

    * row i depends on sentence i alone, up to `tolerance`: not on its neighbours, on how many there are, or on how a
      corpus is cut into batches and shards. An encoder that sums integers promises 0, the same bits in every process
      and on every machine. One that multiplies matrices of floats cannot: how these are summed depends on their shape.
    * the same sentences give the same bits again in the same process; neither their order nor repeats change them;
    * rows are L2-normalised, except that a sentence in which nothing is known (an empty one among them) gives a row
      of zeros, which matches nothing;
    * any `str` is a sentence: line separators, emoji, lone surrogates, a megabyte without a space.

    Attributes:
        dim: the width of a row.
        tolerance: how far a component of a row can be from that of the same sentence in other company.
    """

    dim: int
    tolerance: float

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences.

        Args:
            sentences: n of them, n >= 0.

        Returns:
            float32, shape (n, dim).
        """
        ...


@runtime_checkable
class FileEncoder(Encoder, Protocol):
    """An encoder that embeds a whole shard at once, because it costs much to start it."""

    def encode_file(self, text: Path) -> AbstractContextManager[Path]:
        """Embed a file of sentences.

        Args:
            text: one sentence a line, plain or compressed.

        Returns:
            A context in which there is a file of a row for each line: `.npy` (float32 or float16), or `.bin` (raw
            float32). All rows are finite; their lengths do not matter.
        """
        ...


class Kind(Protocol):
    """What the Python module of a kind of encoder has to have."""

    def load(self, config: EncoderConfig, lang: str) -> Encoder:
        """Load an encoder, in the process that is to use it.

        Args:
            config: which one.
            lang: the language of the sentences, for encoders that have weights for each language.
        """
        ...

    def weights(self, config: EncoderConfig, lang: str) -> Sequence[Path | str]:
        """What decides its rows, for cache keys: paths stand for the content of a file or folder, words for themselves.

        Asked in the flow's process, before any step starts; so it must be quick and load nothing.
        """
        ...
