"""Embedding a language and filling an index with it, as one multistage module."""

from __future__ import annotations

from orepass.pipelines import (
    InternalModuleConnection,
    ModuleInputConnection,
    ModuleOutputConnection,
    ModuleStage,
    Parameter,
    multistage_module,
)
from orepass.tasks.bitext.embed_text import embed_text
from orepass.tasks.bitext.populate_index import populate_index
from orepass.tasks.bitext.train_index import train_index

encode_and_index = multistage_module(
    "encode_and_index",
    [
        ModuleStage(
            "embed",
            embed_text,
            [ModuleInputConnection("element", "shards")],
            [ModuleOutputConnection("result", "embedded"), ModuleOutputConnection("embeddings")],
        ),
        ModuleStage("train", train_index, [InternalModuleConnection("embedding_file", "embeddings")]),
        ModuleStage(
            "populate",
            populate_index,
            [InternalModuleConnection("index"), InternalModuleConnection("element", "embeddings", "embed")],
            [ModuleOutputConnection("result", "parts")],
        ),
    ],
    [
        Parameter("lang", ["embed_lang", "train_lang", "populate_lang"], help="the language"),
        Parameter("encoder", ["embed_encoder"]),
        Parameter("index_type", ["train_index_type", "populate_index_type"]),
        Parameter("num_cpu", ["train_num_cpu", "populate_num_cpu"], help="threads of training and filling"),
    ],
)
"""Text shards in; their embeddings, and a filled index for each of them, out."""
