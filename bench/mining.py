"""What the flow costs on top of its functions: 20,000 x 20,000 precomputed embeddings, d = 256, exact, cold.

    python bench/mining.py [RUNS]

Needs a Prefect server (PREFECT_API_URL, else one is started in the background). "the flow" is one mining run on the
local launcher with an empty store; "direct" calls the same functions one after the other in one process that may use
all cores. The fixed start of Prefect is printed apart: that of "an empty flow", and of "a trivial step", in which a
worker, too, has imported Prefect. The ratio that counts is (the flow - the fixed start) / direct.
"""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
import asyncio
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Runs, main, seconds
from prefect import Flow, flow

from orepass import Store, current_store, module, use_store
from orepass.blocks.launchers import make_launcher
from orepass.flows.mining import MiningConfig, mining
from orepass.server import prefect_server
from orepass.tasks.bitext.embed_text import EmbedConfig, TextShard, embed_text
from orepass.tasks.bitext.evaluate import EvaluateConfig, evaluate
from orepass.tasks.bitext.exact_tile import ExactTileConfig, Tile, exact_tile
from orepass.tasks.bitext.mine_pairs import MinePairsConfig, mine_pairs
from orepass.tasks.bitext.slices import Slice
from orepass.tasks.bitext.write_pairs import SideText, WritePairsConfig, write_pairs
from orepass.tasks.text.shards import DataConfig
from orepass.upkeep import results

SENTENCES, WIDTH, NOISE = 20_000, 256, 0.06


def make_corpus(folder: Path) -> DataConfig:
    """Two languages whose first halves are translations of one another, shuffled."""
    rng = np.random.default_rng(0)
    src = rng.standard_normal((SENTENCES, WIDTH), dtype=np.float32)
    src /= np.linalg.norm(src, axis=1, keepdims=True)
    tgt = src + NOISE * rng.standard_normal((SENTENCES, WIDTH), dtype=np.float32)
    tgt[SENTENCES // 2 :] = rng.standard_normal((SENTENCES // 2, WIDTH), dtype=np.float32)
    order = rng.permutation(SENTENCES)
    for lang, rows, ids in (("aa", src, range(SENTENCES)), ("bb", tgt[order], order)):
        np.save(folder / f"{lang}.npy", rows)
        (folder / f"{lang}.txt").write_text("".join(f"sentence {i} of {lang}\n" for i in ids))
    known = (f"sentence {i} of aa\tsentence {i} of bb\n" for i in range(SENTENCES // 2))
    (folder / "gold.tsv").write_text("".join(known))
    shards, embeddings = f"{folder}/{{lang}}.txt", f"{folder}/{{lang}}.npy"
    return DataConfig(name="bench", shards=shards, gold=folder / "gold.tsv", embeddings=embeddings)


def through_the_flow(folder: Path) -> dict[str, float]:
    """A cold run of the flow."""
    data = make_corpus(folder)
    use_store(Store(folder / "store"))
    config = MiningConfig(src_lang="aa", tgt_lang="bb", data=data, threshold=1.06, output_dir=str(folder / "out"))
    took = _run(mining, config)
    peaks = (result.record.peak_memory_bytes or 0 for result in results(current_store()))
    return {"seconds": took, "peak MB": max(peaks) / 1e6}  # the workers are no children of this process


@flow
async def nothing() -> None:
    """A flow without a step."""


def empty_flow(folder: Path) -> dict[str, float]:
    """The fixed start of Prefect."""
    return {"seconds": _run(nothing)}


@module(name="bench_nothing")
def do_nothing(config: int) -> int:
    """A step that does nothing."""
    return config


@flow
async def one_step() -> None:
    """A flow of one step that does nothing."""
    await do_nothing.schedule(1)


def trivial_flow(folder: Path) -> dict[str, float]:
    """The fixed start of Prefect, in the flow's process and in a worker."""
    use_store(Store(folder))
    return {"seconds": _run(one_step)}


def _run(what: Flow[..., Any], *arguments: Any) -> float:
    launcher = make_launcher("local")
    runner = launcher.task_runner()
    launcher.prepare()
    with prefect_server():
        return seconds(lambda: asyncio.run(what.with_options(task_runner=runner)(*arguments)))


def direct(folder: Path) -> dict[str, float]:
    """The flow's functions, called."""
    data = make_corpus(folder)
    return {"seconds": seconds(lambda: _direct(folder, data))}


def _direct(folder: Path, data: DataConfig) -> None:
    text = {lang: (folder / f"{lang}.txt",) for lang in ("aa", "bb")}
    rows = {}
    for lang in text:
        shard = embed_text(EmbedConfig(lang), TextShard(text[lang][0], folder / f"{lang}.npy"))
        rows[lang] = Slice((shard.embeddings,), 0, shard.sentences)
    found = exact_tile(ExactTileConfig(num_cpu=2), Tile(rows["aa"], rows["bb"]))
    forward, backward = (found.forward,), (found.backward,)
    mined = mine_pairs(MinePairsConfig(forward, backward, threshold=1.06))
    write_pairs(WritePairsConfig(mined.candidates, mined.count, SideText("aa", text["aa"]), SideText("bb", text["bb"])))
    assert data.gold is not None
    result = evaluate(
        EvaluateConfig(mined.candidates, mined.count, data.gold, text["aa"], text["bb"], forward, backward)
    )
    assert result.f1 > 0.5


def over_direct(runs: Runs) -> str:
    """The ratios that count, of the medians, and how far single runs spread."""
    return "\n".join(_over_direct(runs, start) for start in ("an empty flow", "a trivial step"))


def _over_direct(runs: Runs, start: str) -> str:
    names = ("the flow", start, "direct")
    whole, fixed, direct = (statistics.median(run["seconds"] for run in runs[name]) for name in names)
    singles = [
        (a["seconds"] - b["seconds"]) / c["seconds"] for a, b, c in zip(*(runs[name] for name in names), strict=True)
    ]
    return (
        f"(the flow - {start}) / direct: {(whole - fixed) / direct:.2f} "
        f"({min(singles):.2f} to {max(singles):.2f}), aim: at most 1.5"
    )


if __name__ == "__main__":
    main(
        f"Mining {SENTENCES:,} x {SENTENCES:,}, d={WIDTH}, exact, cold",
        {"the flow": through_the_flow, "an empty flow": empty_flow, "a trivial step": trivial_flow, "direct": direct},
        over_direct,
    )
