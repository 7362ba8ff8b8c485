"""The networks of LASER2 and LASER3, which give a vector for a sentence by maximum over its positions.

LASER2 is a bidirectional LSTM (Artetxe and Schwenk, "Massively Multilingual Sentence Embeddings", TACL 2019), the
students of LASER3 are transformers that were taught its space (Heffernan et al., "Bitext Mining Using Distilled
Sentence Representations for Low-Resource Languages", Findings of EMNLP 2022). Their checkpoints are fairseq's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

BOS, PAD, EOS, UNK = range(4)
"""The first symbols of every vocabulary of fairseq."""

_LONGEST_LSTM = 1024
_UNUSED = re.compile(r"version|embed_positions\._float_tensor|project_vocabulary\..*|lm_head_transform_weight\..*")
_LAYER = {
    "self_attn.out_proj": "self_attn.out_proj",
    "self_attn_layer_norm": "norm1",
    "fc1": "linear1",
    "fc2": "linear2",
    "final_layer_norm": "norm2",
}
"""The parts of a transformer layer, as fairseq calls them and as torch does."""


class Lstm(nn.Module):
    """The encoder of LASER2.

    Attributes:
        dim: the width of a vector.
        longest: how many tokens of a sentence are looked at.
        starts_with_bos: whether a sentence begins with the symbol for its begin.
    """

    def __init__(self, checkpoint: Mapping[str, Any]) -> None:
        """Make the network of a checkpoint's `params` and fill it with its `model`."""
        super().__init__()
        params = checkpoint["params"]
        both = bool(params.get("bidirectional", False))
        hidden = int(params.get("hidden_size", 512))
        width = int(params.get("embed_dim", 320))
        self.dim = hidden * (2 if both else 1)
        self.longest = _LONGEST_LSTM
        self.starts_with_bos = False
        self.embed_tokens = nn.Embedding(int(params["num_embeddings"]), width, padding_idx=PAD)
        self.lstm = nn.LSTM(width, hidden, int(params.get("num_layers", 1)), batch_first=True, bidirectional=both)
        self.load_state_dict(checkpoint["model"])

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (b, t), padded on the right with `PAD`, the longest sentence first, to vectors (b, dim)."""
        lengths = (ids != PAD).sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(self.embed_tokens(ids), lengths, batch_first=True)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, padding_value=-math.inf)
        return states.amax(1)


class Student(nn.Module):
    """The encoder of LASER3.

    Attributes:
        dim: the width of a vector.
        longest: how many tokens of a sentence are looked at.
        starts_with_bos: whether a sentence begins with the symbol for its begin.
    """

    def __init__(self, checkpoint: Mapping[str, Any]) -> None:
        """Make the network of a checkpoint's `cfg.model` and fill it with its `model`."""
        super().__init__()
        options = vars(checkpoint["cfg"]["model"])
        parts = _encoder_weights(checkpoint["model"])
        tokens = parts.pop("embed_tokens.weight")
        self.dim = tokens.shape[1]
        self.starts_with_bos = bool(options.get("prepend_bos", False))
        self.takes_first = options.get("sentemb_criterion") == "cls"
        self.scale = 1.0 if options.get("no_scale_embedding", False) else math.sqrt(self.dim)
        self.embed_tokens = nn.Embedding(len(tokens), self.dim, PAD, _weight=tokens)
        learned = parts.pop("embed_positions.weight", None)
        self.longest = int(options.get("max_source_positions", 1024)) if learned is None else len(learned) - PAD - 1
        positions = _sinusoids(self.longest, self.dim) if learned is None else learned[PAD + 1 :]
        if options.get("no_token_positional_embeddings", False):
            positions = torch.zeros(self.longest, self.dim)
        self.positions: Tensor
        self.register_buffer("positions", positions)
        self.first_norm = _norm(parts, "layernorm_embedding")
        self.last_norm = _norm(parts, "layer_norm")
        count = 1 + max(int(name.split(".")[1]) for name in parts if name.startswith("layers."))
        self.layers = nn.ModuleList(_layer(parts, number, options) for number in range(count))
        if parts:
            raise ValueError(f"parts that a student of LASER3 does not have: {', '.join(sorted(parts)[:5])}")

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (b, t), padded on the right with `PAD`, to vectors (b, dim)."""
        padding = ids == PAD
        states: Tensor = self.first_norm(self.scale * self.embed_tokens(ids) + self.positions[: ids.shape[1]])
        for layer in self.layers:
            states = layer(states, src_key_padding_mask=padding)
        states = self.last_norm(states)
        if self.takes_first:
            return states[:, 0]
        return states.masked_fill(padding[:, :, None], -math.inf).amax(1)


def _encoder_weights(model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the encoder: a student may have been saved alone, or with the decoder that it was trained with."""
    whole = any(name.startswith("decoder.") for name in model)
    kept = {name.removeprefix("encoder."): part for name, part in model.items() if not whole or name[:8] == "encoder."}
    return {name: part for name, part in kept.items() if not _UNUSED.fullmatch(name)}


def _layer(parts: dict[str, Tensor], number: int, options: Mapping[str, Any]) -> nn.Module:
    def take(name: str) -> Tensor:
        return parts.pop(f"layers.{number}.{name}")

    weights: dict[str, Tensor] = {}
    for kind in ("weight", "bias"):
        projections = [take(f"self_attn.{role}_proj.{kind}") for role in "qkv"]
        weights[f"self_attn.in_proj_{kind}"] = torch.cat(projections)
        weights |= {f"{ours}.{kind}": take(f"{theirs}.{kind}") for theirs, ours in _LAYER.items()}
    activation = options.get("activation_fn", "relu")
    if activation not in ("relu", "gelu"):
        raise ValueError(f"activation_fn={activation!r}, which is neither relu nor gelu")
    hidden, width = weights["linear1.weight"].shape
    layer = nn.TransformerEncoderLayer(
        width,
        int(options["encoder_attention_heads"]),
        hidden,
        activation=activation,
        batch_first=True,
        norm_first=bool(options.get("encoder_normalize_before", False)),
    )
    layer.load_state_dict(weights)
    return layer


def _norm(parts: dict[str, Tensor], name: str) -> nn.Module:
    if f"{name}.weight" not in parts:
        return nn.Identity()
    norm = nn.LayerNorm(len(parts[f"{name}.weight"]))
    norm.load_state_dict({kind: parts.pop(f"{name}.{kind}") for kind in ("weight", "bias")})
    return norm


def _sinusoids(count: int, dim: int) -> Tensor:
    """Positions as tensor2tensor makes them: all sines, then all cosines; the first position is PAD + 1."""
    half = dim // 2
    rates = torch.exp(torch.arange(half) * -(math.log(10_000) / (half - 1)))
    angles = torch.arange(PAD + 1, PAD + 1 + count)[:, None] * rates
    return nn.functional.pad(torch.cat([angles.sin(), angles.cos()], 1), (0, dim % 2))
