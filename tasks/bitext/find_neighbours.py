"""Finding neighbours in both directions, as multistage modules: exactly, or in an index of each language."""

from __future__ import annotations

from orepass.pipelines import (
    InternalModuleConnection,
    ModuleInputConnection,
    ModuleOutputConnection,
    ModuleStage,
    Parameter,
    multistage_module,
)
from orepass.tasks.bitext.exact_tile import exact_tile
from orepass.tasks.bitext.merge_indexes import merge_indexes
from orepass.tasks.bitext.merge_neighbours import merge_neighbours
from orepass.tasks.bitext.neighbours import neighbours
from orepass.tasks.bitext.tiles import backward_strips, forward_strips, tiles

_BOTH_WAYS = (
    [ModuleOutputConnection("result", "forward")],
    [ModuleOutputConnection("result", "backward")],
)
_STRIPS = [InternalModuleConnection("tiles", stage="tiles"), InternalModuleConnection("found", stage="search")]

exact_neighbours = multistage_module(
    "exact_neighbours",
    [
        ModuleStage("tiles", tiles, [ModuleInputConnection("src"), ModuleInputConnection("tgt")]),
        ModuleStage("search", exact_tile),
        ModuleStage("forward_strips", forward_strips, _STRIPS),
        ModuleStage("forward", merge_neighbours, [InternalModuleConnection("element")], _BOTH_WAYS[0]),
        ModuleStage("backward_strips", backward_strips, _STRIPS),
        ModuleStage("backward", merge_neighbours, [InternalModuleConnection("element")], _BOTH_WAYS[1]),
    ],
    [Parameter("k", ["search_k", "forward_k", "backward_k"], help="how many neighbours")],
)
"""The embedded shards of both languages in; the neighbours of each slice of either out."""

index_neighbours = multistage_module(
    "index_neighbours",
    [
        ModuleStage("merge_src", merge_indexes, [ModuleInputConnection("parts", "src_parts")]),
        ModuleStage("merge_tgt", merge_indexes, [ModuleInputConnection("parts", "tgt_parts")]),
        ModuleStage(
            "forward",
            neighbours,
            [
                InternalModuleConnection("index", stage="merge_tgt"),
                ModuleInputConnection("embeddings", "tgt"),
                ModuleInputConnection("element", "src"),
                ModuleInputConnection("nprobe"),
            ],
            _BOTH_WAYS[0],
        ),
        ModuleStage(
            "backward",
            neighbours,
            [
                InternalModuleConnection("index", stage="merge_src"),
                ModuleInputConnection("embeddings", "src"),
                ModuleInputConnection("element", "tgt"),
                ModuleInputConnection("nprobe"),
            ],
            _BOTH_WAYS[1],
        ),
    ],
    [
        Parameter("k", ["forward_k", "backward_k"], help="how many neighbours"),
        Parameter("num_cpu", ["forward_num_cpu", "backward_num_cpu"], help="threads of the search"),
    ],
)
"""The embeddings of both languages and their filled indexes in; the neighbours of each shard of either out."""
