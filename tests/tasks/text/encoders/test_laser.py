from __future__ import annotations

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from orepass.errors import ConfigError, InputError
from orepass.tasks.text.encoders import EncoderConfig, encoder_weights, load_encoder

from .conftest import DIM, HEADS, LANG, student

SENTENCE = "enter a valid value for the file"
Floats = NDArray[np.float64]


@pytest.fixture
def copy(laser: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(laser, tmp_path / "laser"))


def ids_of(folder: Path, sentence: str) -> list[int]:
    import sentencepiece

    pieces = [line.split(" ")[0] for line in (folder / "laser2.cvocab").read_text().splitlines()]
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "laser2.spm"))
    return [4 + pieces.index(piece) for piece in model.encode(sentence, out_type=str)] + [2]


def test_laser2_is_the_maximum_over_the_states_of_its_lstm(laser: Path) -> None:
    import torch

    checkpoint = torch.load(laser / "laser2.pt")
    tokens = checkpoint["model"].pop("embed_tokens.weight")
    lstm = torch.nn.LSTM(tokens.shape[1], DIM // 2, 2, bidirectional=True)
    lstm.load_state_dict({name.removeprefix("lstm."): part for name, part in checkpoint["model"].items()})
    with torch.inference_mode():
        wanted = lstm(tokens[ids_of(laser, SENTENCE)])[0].amax(0).numpy()
    encoder = load_encoder(EncoderConfig("laser2", laser, device="cpu"), "en")
    # Upper case, odd spaces and control characters are made plain first.
    rows = encoder.encode(["a", "Enter a  VALID\u200bvalue for the file", SENTENCE, "something longer than it, by far"])
    np.testing.assert_allclose(rows[2], wanted / np.linalg.norm(wanted), atol=1e-6)
    assert rows[1].tobytes() == rows[2].tobytes()


def norm(parts: dict[str, Floats], name: str, x: Floats) -> Floats:
    if f"{name}.weight" not in parts:
        return x
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    return x * parts[f"{name}.weight"] + parts[f"{name}.bias"]


def attend(parts: dict[str, Floats], name: str, x: Floats) -> Floats:
    q, k, v = (x @ parts[f"{name}.{role}_proj.weight"].T + parts[f"{name}.{role}_proj.bias"] for role in "qkv")
    heads = []
    for q_h, k_h, v_h in zip(*(np.split(part, HEADS, 1) for part in (q, k, v)), strict=True):
        weights = np.exp(q_h @ k_h.T / math.sqrt(DIM // HEADS))
        heads.append(weights / weights.sum(1, keepdims=True) @ v_h)
    return np.hstack(heads) @ parts[f"{name}.out_proj.weight"].T + parts[f"{name}.out_proj.bias"]


def transformer(checkpoint: dict[str, Any], ids: list[int]) -> Floats:
    """One sentence through fairseq's transformer, written down from its definition."""
    options = vars(checkpoint["cfg"]["model"])
    parts = {name.removeprefix("encoder."): part.double().numpy() for name, part in checkpoint["model"].items()}
    if "embed_positions.weight" in parts:
        positions = parts["embed_positions.weight"][2 : 2 + len(ids)]
    else:
        rates = 10_000.0 ** -(np.arange(DIM // 2) / (DIM // 2 - 1))
        angles = np.arange(2, 2 + len(ids))[:, None] * rates
        positions = np.hstack([np.sin(angles), np.cos(angles)])
    x = parts["embed_tokens.weight"][ids] * (1 if options["no_scale_embedding"] else math.sqrt(DIM)) + positions
    x = norm(parts, "layernorm_embedding", x)
    before = options["encoder_normalize_before"]

    def feed(layer: str, x: Floats) -> Floats:
        hidden = x @ parts[f"{layer}.fc1.weight"].T + parts[f"{layer}.fc1.bias"]
        gelu = np.vectorize(lambda value: value * (1 + math.erf(value / math.sqrt(2))) / 2)
        hidden = gelu(hidden) if options["activation_fn"] == "gelu" else np.maximum(hidden, 0)
        return hidden @ parts[f"{layer}.fc2.weight"].T + parts[f"{layer}.fc2.bias"]

    for layer in ("layers.0", "layers.1"):
        for step, name in ((attend, "self_attn_layer_norm"), (feed, "final_layer_norm")):
            where = f"{layer}.self_attn" if step is attend else layer
            inner = norm(parts, f"{layer}.{name}", x) if before else x
            x = x + (step(parts, where, inner) if step is attend else feed(where, inner))
            x = x if before else norm(parts, f"{layer}.{name}", x)
    x = norm(parts, "layer_norm", x)
    return x[0] if options["sentemb_criterion"] == "cls" else x.max(0)


@pytest.mark.parametrize(
    ("options", "extra"),
    [
        ({}, []),
        ({"sentemb_criterion": "cls", "prepend_bos": True}, []),
        ({"encoder_normalize_before": True, "activation_fn": "gelu"}, ["embed_positions.weight"]),
        ({"no_scale_embedding": True}, ["layernorm_embedding.weight", "layernorm_embedding.bias"]),
    ],
)
@pytest.mark.parametrize("prefix", ["encoder.", ""])
def test_laser3_is_the_transformer_of_its_checkpoint(
    copy: Path, options: dict[str, Any], extra: list[str], prefix: str
) -> None:
    import torch

    checkpoint = student(len((copy / "laser2.cvocab").read_text().splitlines()) + 5, prefix, **options)
    for name in extra:
        shape = (50, DIM) if "positions" in name else (DIM,)
        checkpoint["model"][prefix + name] = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    torch.save(checkpoint, copy / "laser3-abc_Cyrl.v1.pt")
    ids = [0] * bool(options.get("prepend_bos")) + ids_of(copy, SENTENCE)
    wanted = transformer(checkpoint, ids)
    found = load_encoder(EncoderConfig("laser3", copy, device="cpu"), "abc").encode(
        ["a", SENTENCE, "something longer, by far"]
    )[1]
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted), atol=2e-6)


@pytest.mark.parametrize("lang", ["en", LANG])
def test_half_precision_is_near(laser: Path, lang: str, sentences: list[str]) -> None:
    few = sentences[:24]
    rows = load_encoder(EncoderConfig("laser3", laser, device="cpu"), lang).encode(few)
    half = load_encoder(EncoderConfig("laser3", laser, device="cpu", dtype="bfloat16"), lang)
    assert np.vecdot(half.encode(few), rows).min() > 0.999


def test_files_go_by_the_language(laser: Path, copy: Path) -> None:
    def names(config: EncoderConfig, lang: str) -> list[str]:
        return [path.name for path in encoder_weights(config, lang) if isinstance(path, Path)]

    laser3 = EncoderConfig("laser3", copy)
    assert (
        names(laser3, LANG)
        == names(laser3, "xyz")
        == names(laser3, "XYZ_latn")
        == [f"laser3-{LANG}.v1.pt", "laser2.spm", "laser2.cvocab"]
    )
    assert names(laser3, "en") == ["laser2.pt", "laser2.spm"]
    assert names(replace(laser3, name="laser2"), LANG) == ["laser2.pt", "laser2.spm"]
    for suffix in (".spm", ".cvocab"):
        shutil.copy(copy / f"laser2{suffix}", copy / f"laser3-{LANG}.v1{suffix}")
    assert names(laser3, LANG) == [f"laser3-{LANG}.v1{suffix}" for suffix in (".pt", ".spm", ".cvocab")]
    (copy / "laser3-xyz_Cyrl.v1.pt").touch()
    with pytest.raises(ConfigError, match=r"several students know 'xyz': laser3-xyz_Cyrl\.v1\.pt, laser3-xyz_Latn"):
        names(laser3, "xyz")
    with pytest.raises(ConfigError, match="works in one process"):
        names(replace(laser3, processes=2), LANG)
    with pytest.raises(ConfigError, match="needs model"):
        names(EncoderConfig("laser2"), "en")


def test_a_language_without_a_student_is_said(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    laser3 = EncoderConfig("laser3", copy, device="cpu")
    load_encoder(laser3, "Xyz")
    load_encoder(replace(laser3, name="laser2"), "xyy_Latn")
    assert not caplog.messages
    load_encoder(laser3, "xyy_Latn")
    (copy / f"laser3-{LANG}.v1.pt").unlink()
    load_encoder(laser3, LANG)
    assert caplog.messages == [
        "No student of LASER3 is called 'xyy_Latn', so LASER2 encodes it. Did you mean 'xyz_Latn'? Valid: xyz_Latn.",
        "No student of LASER3 is called 'xyz_Latn', so LASER2 encodes it. There is no student at all.",
    ]


def test_files_that_are_missing(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no laser2\.pt for 'en' in .*nowhere' \(there: no file of LASER\).*nllb"):
        encoder_weights(EncoderConfig("laser2", tmp_path / "nowhere"), "en")
    (copy / "laser2.cvocab").unlink()
    with pytest.raises(InputError, match=r"no laser2\.cvocab for 'xyz' in .*there: laser2\.pt, laser2\.spm, laser3"):
        encoder_weights(EncoderConfig("laser3", copy), "xyz")


def test_files_that_are_something_else(copy: Path) -> None:
    laser3 = EncoderConfig("laser3", copy)
    whole = (copy / "laser2.cvocab").read_text()
    (copy / "laser2.cvocab").write_text(whole + "more 1\nand_more 1\n")
    with pytest.raises(InputError, match=r"v1\.pt' has \d+ tokens, but its vocabulary \d+\. Give the \.cvocab"):
        load_encoder(laser3, LANG)
    (copy / "laser2.cvocab").write_text("piece\n" + whole)
    with pytest.raises(InputError, match=r"laser2\.cvocab', line 1: 'piece\\n' is not PIECE COUNT"):
        load_encoder(laser3, LANG)
    shutil.copy(copy / f"laser3-{LANG}.v1.pt", copy / "laser2.pt")
    with pytest.raises(InputError, match=r"laser2\.pt' is not a checkpoint of LASER2: KeyError: 'params'"):
        load_encoder(laser3, "en")
    for content in (b"", b"PK\x03\x04 damaged", (copy / "laser2.pt").read_bytes()[:-900]):
        (copy / "laser2.pt").write_bytes(content)
        with pytest.raises(InputError, match=r"laser2\.pt' cannot be read as a checkpoint of PyTorch"):
            load_encoder(laser3, "en")
    (copy / "laser2.spm").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"laser2\.spm' is no SentencePiece model"):
        load_encoder(laser3, "en")


class Evil:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.place),)


def test_nothing_in_a_checkpoint_is_run(laser: Path, tmp_path: Path) -> None:
    import torch

    from orepass.tasks.text.encoders.checkpoint import Ignored, load_checkpoint

    loaded = load_checkpoint(laser / f"laser3-{LANG}.v1.pt")
    assert isinstance(loaded["extra_state"]["meter"], Ignored)
    torch.save({"meter": Evil(tmp_path / "evil")}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match=r"cannot be read as a checkpoint of PyTorch: .*mkdir.* is blocked"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "evil").exists()
    torch.save(torch.ones(2), tmp_path / "tensor.pt")
    with pytest.raises(InputError, match="holds a Tensor, not the dictionary of a checkpoint"):
        load_checkpoint(tmp_path / "tensor.pt")
    with pytest.raises(InputError, match="No checkpoint at"):
        load_checkpoint(tmp_path / "none.pt")
