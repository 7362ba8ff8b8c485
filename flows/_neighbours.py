"""The part of the mining flow that finds neighbours in both directions: exactly, or in an index of each language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.logging import get_run_logger

from orepass import Requirements, together
from orepass.errors import InputError
from orepass.flows._mining_text import LanguageText
from orepass.machine import count_cpus, machine_memory_gb
from orepass.tasks.bitext.cost_model import Size
from orepass.tasks.bitext.costs import load_rates
from orepass.tasks.bitext.embed_text import EmbeddedShard
from orepass.tasks.bitext.exact_tile import ExactTileConfig, exact_tile
from orepass.tasks.bitext.merge_indexes import MergeIndexesConfig, merge_indexes
from orepass.tasks.bitext.merge_neighbours import MergeNeighboursConfig, Strip, merge_neighbours
from orepass.tasks.bitext.neighbours import Neighbours, NeighboursConfig, neighbours
from orepass.tasks.bitext.pairing_costs import carried_bytes, evaluate_cost, mine_cost, most_pairs, write_cost
from orepass.tasks.bitext.plan import Plan, make_plan
from orepass.tasks.bitext.populate_index import PopulateIndexConfig, populate_index
from orepass.tasks.bitext.product_choice import choose_product, warning_of
from orepass.tasks.bitext.tiles import backward_strips, forward_strips, tiles
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
        shards: their embeddings, shard by shard.
    """

    lang: str
    text: LanguageText
    shards: tuple[EmbeddedShard, ...]

    @property
    def embeddings(self) -> tuple[Path, ...]:
        """The files of the embeddings."""
        return tuple(shard.embeddings for shard in self.shards)

    @property
    def sentences(self) -> int:
        """How many there are in all."""
        return sum(shard.sentences for shard in self.shards)

    @property
    def dim(self) -> int:
        """The width of an embedding."""
        return self.shards[0].dim


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
    settings = ExactTileConfig(
        config.k, config.product, config.use_gpu, config.num_cpu, memory_of(plan, "exact_tile"), config.timeout_min
    )
    pairs = tiles(src.shards, tgt.shards)
    found = await exact_tile.schedule(settings, over=pairs, label=f"exact_tile.{src.lang}-{tgt.lang}")
    forward, backward = await together(
        merge(config, forward_strips(pairs, found), f"{src.lang}-{tgt.lang}"),
        merge(config, backward_strips(pairs, found), f"{tgt.lang}-{src.lang}"),
    )
    return forward, backward


async def merge(config: MiningConfig, strips: list[Strip], label: str) -> Shards:
    """Merge what each slice of queries found in each of the slices that were searched."""
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
