"""The part of the mining flow after the search: pairs are chosen, written, and compared with known ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orepass import Requirements, together
from orepass.flows._mining_report import threshold_of
from orepass.flows._neighbours import Shards, Side, carried, memory_of
from orepass.tasks.bitext.evaluate import EvaluateConfig, Evaluation, evaluate
from orepass.tasks.bitext.mine_pairs import LengthLimit, MinedPairs, MinePairsConfig, mine_pairs
from orepass.tasks.bitext.pairing_costs import write_cost
from orepass.tasks.bitext.plan import Plan
from orepass.tasks.bitext.write_pairs import WritePairsConfig, WrittenPairs, write_pairs
from orepass.tasks.text.count_characters import count_characters

if TYPE_CHECKING:
    from orepass.flows.mining import MiningConfig


async def choose(
    config: MiningConfig, plan: Plan, src: Side, tgt: Side, forward: Shards, backward: Shards
) -> MinedPairs:
    """Choose pairs by their margins, and by their lengths where these are limited."""
    settings = MinePairsConfig(
        forward,
        backward,
        config.k,
        config.margin,
        config.retrieval,
        threshold_of(config),
        mem_gb=memory_of(plan, "mine_pairs"),
    )
    ratio = config.filters.max_length_ratio
    if ratio is not None:
        lengths = await together(
            count_characters.schedule(None, over=src.text.paths, label=f"count_characters.{src.lang}"),
            count_characters.schedule(None, over=tgt.text.paths, label=f"count_characters.{tgt.lang}"),
        )
        settings = replace(settings, limit=LengthLimit(ratio, *map(tuple, lengths)))
    return await mine_pairs.schedule(settings)


async def write(config: MiningConfig, plan: Plan, src: Side, tgt: Side, mined: MinedPairs) -> WrittenPairs:
    """Write the mined pairs; what that needs is known better than before they were mined."""
    needs = write_cost(plan.size, mined.count, carried(src, tgt)).memory_gb
    settings = WritePairsConfig(
        mined.candidates,
        mined.count,
        src.text.written,
        tgt.text.written,
        config.formats,
        max(Requirements().mem_gb, needs),
    )
    return await write_pairs.schedule(settings)


async def compare(
    config: MiningConfig,
    plan: Plan,
    gold: Path | None,
    src: Side,
    tgt: Side,
    forward: Shards,
    backward: Shards,
    mined: MinedPairs,
) -> Evaluation | None:
    """Compare the mined pairs with the known ones, if there are any."""
    if gold is None:
        return None
    settings = EvaluateConfig(
        mined.candidates,
        mined.count,
        gold,
        src.text.paths,
        tgt.text.paths,
        forward,
        backward,
        config.k,
        config.margin,
        memory_of(plan, "evaluate"),
    )
    return await evaluate.schedule(settings)
