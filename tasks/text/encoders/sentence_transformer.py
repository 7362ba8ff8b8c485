"""Any model of the sentence-transformers library, by the name it has on the Hugging Face Hub or by its folder."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from orepass.errors import ConfigError, InputError
from orepass.tasks.text.encoders._base import EncoderConfig
from orepass.tasks.text.encoders.hub import ask_hub, commit_of
from orepass.tasks.text.encoders.neural import NeuralEncoder, optional, pick_device


def load(config: EncoderConfig, lang: str) -> NeuralEncoder:
    """See `Kind`; one model serves all languages."""
    device = pick_device(config)
    loaded = _load(config, device)
    return NeuralEncoder(_Model(loaded, config, device), loaded.get_embedding_dimension(), config.dtype)


def weights(config: EncoderConfig, lang: str) -> tuple[Path | str, ...]:
    """See `Kind`: the content of a folder, or the commit of a model on the Hub."""
    where = _folder(config) or f"{config.model}@{commit_of(str(config.model), config.revision)}"
    return (where, config.dtype, f"prompt {config.prompt!r}")


class _Model:
    """Sentences to vectors, in this process or in several."""

    def __init__(self, model: Any, config: EncoderConfig, device: str) -> None:
        self._model = model
        self._config = config
        self._devices = [f"cuda:{i}" if device == "cuda" else "cpu" for i in range(config.processes)]
        self._pool: Any = None

    def __call__(self, sentences: list[str]) -> NDArray[Any]:
        if self._config.processes > 1 and self._pool is None:
            self._start()
        try:
            vectors: NDArray[Any] = self._model.encode(
                sentences,
                batch_size=self._config.batch_size,
                prompt=self._config.prompt,
                pool=self._pool,
                show_progress_bar=False,
            )
        except BaseException:
            if self._pool is not None:
                self._stop()  # its processes may be in the middle of other batches
                self._pool = None
            raise
        return vectors

    def _start(self) -> None:
        with _threads(max(1, self._config.num_cpu // self._config.processes)):
            self._pool = self._model.start_multi_process_pool(self._devices)
        # Also when the encoder is dropped, or the process ends. A process that is killed takes its group along.
        self._stop = weakref.finalize(self, self._model.stop_multi_process_pool, self._pool)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let processes that are started here use so many threads each."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(count)
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


def _folder(config: EncoderConfig) -> Path | None:
    """The folder of the model; None if it is on the Hub."""
    if config.model is None:
        raise ConfigError(
            "the encoder 'sentence_transformers' needs model=<a name on the Hugging Face Hub, such as "
            "sentence-transformers/LaBSE, or the folder of a model>."
        )
    folder = Path(config.model)
    if not folder.is_dir():
        return None
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise InputError(
            f"{str(folder)!r} is no sentence-transformers model: it has neither modules.json nor config.json. Give the "
            "folder that SentenceTransformer.save or `hf download --local-dir` wrote."
        )
    return folder


def _load(config: EncoderConfig, device: str) -> Any:
    library = optional("sentence_transformers")
    optional("transformers").utils.logging.disable_progress_bar()  # of the loading of weights
    options: dict[str, Any] = {"device": device, "model_kwargs": {"dtype": config.dtype}}
    folder = _folder(config)
    if folder is not None:
        return _open(library, str(folder), options | {"local_files_only": True})
    name = str(config.model)
    options["revision"] = commit_of(name, config.revision)
    try:
        return _open(library, name, options | {"local_files_only": True})
    except InputError:  # not all of it is here yet
        ask_hub(name, options["revision"])
        return _open(library, name, options)


def _open(library: Any, where: str, options: dict[str, Any]) -> Any:
    try:
        return library.SentenceTransformer(where, **options)
    except Exception as error:  # there is no saying what a model's own files and modules raise
        raise InputError(
            f"{where!r} cannot be loaded as a sentence-transformers model: {type(error).__name__}: {error}\n"
            "If it is not whole, copy or download it again (`hf download NAME --local-dir FOLDER`) and set "
            "encoder.model=FOLDER."
        ) from error
