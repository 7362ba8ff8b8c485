"""The part of the mining flow that finds neighbours in both directions: exactly, or in an index of each language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.logging import get_run_logger

from orepass import Requirements, together
from orepass.errors import InputError
from orepass.flows._mining_text import LanguageText
from orepass.machine import count_cpus, machine_memory_gb
from orepass.tasks.bitext.cost_model import Size
from orepass.tasks.bitext.costs import load_rates
from orepass.tasks.bitext.exact_tile import ExactTileConfig, Tile, exact_tile
from orepass.tasks.bitext.merge_indexes import MergeIndexesConfig, merge_indexes
from orepass.tasks.bitext.merge_neighbours import MergeNeighboursConfig, Strip, merge_neighbours
from orepass.tasks.bitext.neighbours import Neighbours, NeighboursConfig, neighbours
from orepass.tasks.bitext.pairing_costs import carried_bytes, evaluate_cost, mine_cost, most_pairs, write_cost
from orepass.tasks.bitext.plan import Plan, make_plan
from orepass.tasks.bitext.populate_index import PopulateIndexConfig, populate_index
from orepass.tasks.bitext.product_choice import choose_product, warning_of
from orepass.tasks.bitext.slices import Slice, cut
from orepass.tasks.bitext.train_index import TrainIndexConfig, train_index

if TYPE_CHECKING:
    from orepass.flows.mining import MiningConfig

Shards = tuple[Neighbours, ...]
"""The neighbours of a language's sentences, in order."""


@dataclass(frozen=True)
class Side:
    """One language, ready to be searched.

    Attributes:
        lang: the language.
        text: its sentences.
        embeddings: their embeddings, shard by shard.
        counts: how many there are in each shard.
        dim: the width of an embedding.
    """

    lang: str
    text: LanguageText
    embeddings: tuple[Path, ...]
    counts: tuple[int, ...]
    dim: int

    @property
    def sentences(self) -> int:
        """How many there are in all."""
        return sum(self.counts)


def make_mining_plan(config: MiningConfig, src: Side, tgt: Side, known: bool) -> Plan:
    """Decide how neighbours are found, and tell it.

    Args:
        config: what is mined, and how.
        src: the source language.
        tgt: the target language.
        known: whether there are known pairs to compare the result with.

    Raises:
        ConfigError: FAISS refuses the index type, or the memory cannot suffice.
        InputError: embeddings of different widths.
    """
    if src.dim != tgt.dim:
        raise InputError(
            f"The embeddings of {src.lang!r} have width {src.dim}, those of {tgt.lang!r} have {tgt.dim}. Embed both "
            "languages with one encoder."
        )
    size = Size(src.sentences, tgt.sentences, src.dim, config.k)
    product = choose_product(config.product, float(size.n) * size.m * size.dim)
    pairing = [mine_cost(size), write_cost(size, most_pairs(size, config.retrieval), carried(src, tgt))]
    if known:
        pairing.append(evaluate_cost(size))
    plan = make_plan(
        size,
        index_type=config.index_type,
        nprobe=config.nprobe,
        recall=config.recall,
        product="cuda" if config.use_gpu else product,
        cores=count_cpus(),
        memory_gb=config.mem_gb or machine_memory_gb(),
        rates=load_rates(),
        pairing=pairing,
    )
    for line in plan.lines():
        get_run_logger().info(line)
    if plan.exact and not config.use_gpu and (warning := warning_of(product)):
        get_run_logger().warning(warning)
    return plan


async def find_neighbours(config: MiningConfig, plan: Plan, src: Side, tgt: Side) -> tuple[Shards, Shards]:
    """The neighbours of the source sentences among the target sentences, and the other way round."""
    if plan.exact:
        return await exactly(config, plan, src, tgt)
    forward, backward = await together(in_index(config, plan, src, tgt), in_index(config, plan, tgt, src))
    return forward, backward


async def exactly(config: MiningConfig, plan: Plan, src: Side, tgt: Side) -> tuple[Shards, Shards]:
    """Multiply each slice of one language with each of the other, and merge what they find, both ways."""
    rows, columns = cut(src.embeddings, src.counts), cut(tgt.embeddings, tgt.counts)
    settings = ExactTileConfig(
        config.k, config.product, config.use_gpu, config.num_cpu, memory_of(plan, "exact_tile"), config.timeout_min
    )
    tiles = [Tile(row, column) for row in rows for column in columns]
    found = await exact_tile.schedule(settings, over=tiles, label=f"exact_tile.{src.lang}-{tgt.lang}")
    by_row = [found[start : start + len(columns)] for start in range(0, len(found), len(columns))]
    by_column = list(zip(*by_row, strict=True))
    forward, backward = await together(
        merge(config, columns, [[tile.forward for tile in row] for row in by_row], f"{src.lang}-{tgt.lang}"),
        merge(config, rows, [[tile.backward for tile in column] for column in by_column], f"{tgt.lang}-{src.lang}"),
    )
    return forward, backward


async def merge(config: MiningConfig, slices: list[Slice], found: list[list[Neighbours]], label: str) -> Shards:
    """Merge what each slice of queries found in each of the slices that were searched."""
    offsets = tuple(accumulate((piece.rows for piece in slices[:-1]), initial=0))
    strips = [Strip(tuple(parts), offsets) for parts in found]
    settings = MergeNeighboursConfig(config.k)
    return tuple(await merge_neighbours.schedule(settings, over=strips, label=f"merge_neighbours.{label}"))


async def in_index(config: MiningConfig, plan: Plan, queries: Side, indexed: Side) -> Shards:
    """Index one language, and search it for the neighbours of the other language's sentences."""
    index = await make_index(config, plan, indexed.lang, indexed.embeddings)
    settings = NeighboursConfig(
        index,
        indexed.embeddings,
        config.k,
        plan.nprobe,
        config.num_cpu,
        config.timeout_min,
        memory_of(plan, "neighbours"),
    )
    label = f"neighbours.{queries.lang}-{indexed.lang}"
    return tuple(await neighbours.schedule(settings, over=queries.embeddings, label=label))


async def make_index(config: MiningConfig, plan: Plan, lang: str, embeddings: Sequence[Path]) -> Path:
    """Train an index on one language, fill a copy with each shard, and merge these."""
    limits: dict[str, Any] = {"num_cpu": config.num_cpu, "timeout_min": config.timeout_min}
    training = TrainIndexConfig(
        lang,
        tuple(embeddings),
        plan.index_type,
        use_gpu=config.use_gpu,
        mem_gb=memory_of(plan, "train_index"),
        **limits,
    )
    trained = await train_index.schedule(training, label=f"train_index.{lang}")
    parts = await populate_index.schedule(
        PopulateIndexConfig(lang, trained, plan.index_type, mem_gb=memory_of(plan, "populate_index"), **limits),
        over=embeddings,
        label=f"populate_index.{plan.index_type}.{lang}",
    )
    merging = MergeIndexesConfig(tuple(parts), mem_gb=memory_of(plan, "merge_indexes"))
    return await merge_indexes.schedule(merging, label=f"merge_indexes.{lang}")


def memory_of(plan: Plan, step: str) -> float:
    """GiB that a step asks for."""
    return max(Requirements().mem_gb, plan.memory_of(step))


def carried(src: Side, tgt: Side) -> float:
    """Bytes of what is carried along with a pair."""
    return carried_bytes(src.text.columns) + carried_bytes(tgt.text.columns)
