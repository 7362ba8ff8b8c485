"""Global bitext mining: two monolingual text collections in, translated sentence pairs out.

python flows/mining.py
python flows/mining.py src_lang=bn tgt_lang=hi +data=NAME
"""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig
from prefect import flow

from orepass import run_report, together
from orepass.blocks.launchers.default import DefaultTaskRunner
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.flows._main import run_flow, start
from orepass.flows._mining_report import MiningResult, print_result, publish_result, threshold_of
from orepass.tasks.bitext.embed_text import EmbedConfig, EmbeddedShard, embed_text, text_shards
from orepass.tasks.bitext.evaluate import EvaluateConfig, Evaluation, evaluate
from orepass.tasks.bitext.margin import MARGINS, RETRIEVALS, check_choice
from orepass.tasks.bitext.merge_indexes import MergeIndexesConfig, merge_indexes
from orepass.tasks.bitext.mine_pairs import MinePairsConfig, mine_pairs
from orepass.tasks.bitext.neighbours import Neighbours, NeighboursConfig, neighbours
from orepass.tasks.bitext.populate_index import PopulateIndexConfig, populate_index
from orepass.tasks.bitext.train_index import TrainIndexConfig, train_index
from orepass.tasks.bitext.write_pairs import WritePairsConfig, write_pairs
from orepass.tasks.bitext.xsim import XsimConfig
from orepass.tasks.text.catalog_corpus import CatalogCorpusConfig, catalog_corpus
from orepass.tasks.text.encoders import EncoderConfig
from orepass.tasks.text.shards import DataConfig, resolve_shards


@dataclass(frozen=True)
class DemoConfig(Config):
    """The corpus that is mined when no `data` are given: message catalogs; see `CatalogCorpusConfig`."""

    source: str = "django"
    distractors: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class MiningConfig(Config):
    """What is mined, and how.

    Attributes:
        src_lang: the source language.
        tgt_lang: the target language.
        data: the corpus; None for the message catalogs of `demo`.
        demo: the catalogs that are mined without `data`.
        encoder: what turns sentences into vectors.
        embedding_dimensions: the width of precomputed raw `.bin` embeddings; the others know theirs.
        index_type: any FAISS factory string; `Flat` is exact.
        nprobe: how many lists of an inverted-file index are searched.
        k: how many neighbours count in the margin.
        margin: `ratio`, `distance` or `absolute`.
        retrieval: `forward`, `backward`, `union`, `intersection` or `max`.
        threshold: the lowest margin of a pair; None for the encoder's own, where margin, retrieval and k are those
            that it was measured with, else 1.06. The larger a corpus, the lower its ratio margins are.
        num_cpu: cores for one step of training or searching an index.
        timeout_min: minutes after which a step is killed; None for no limit.
        output_dir: where the result is put for people to find, in a folder for the corpus and the languages.
    """

    src_lang: str = "en"
    tgt_lang: str = "fr"
    data: DataConfig | None = None
    demo: DemoConfig = DemoConfig()
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    embedding_dimensions: int | None = None
    index_type: str = "Flat"
    nprobe: int = 32
    k: int = 16
    margin: str = "ratio"
    retrieval: str = "intersection"  # the best of the five on held-out catalogs, see the model card
    threshold: float | None = None
    num_cpu: int = 1
    timeout_min: float | None = None
    output_dir: str = "outputs/mining"

    def __post_init__(self) -> None:
        check_choice("margin", self.margin, MARGINS)
        check_choice("retrieval", self.retrieval, RETRIEVALS)
        for option in ("k", "nprobe", "num_cpu"):
            if getattr(self, option) < 1:
                raise ConfigError(f"{option}={getattr(self, option)} is too small; it must be at least 1.")


@dataclass(frozen=True)
class Side:
    """One language, ready to be searched: its text, its embeddings and its index, shard by shard."""

    text: tuple[Path, ...]
    embeddings: tuple[Path, ...]
    sentences: int
    index: Path


@flow(name="mining", task_runner=DefaultTaskRunner())
async def mining(config: MiningConfig) -> MiningResult:
    """Mine translated sentence pairs.

    Both languages are embedded and indexed side by side, shard by shard. Every sentence looks for its neighbours in
    the other language; pairs are scored by the margin between their similarity and that of their neighbours, and
    those above the threshold are written. Where known pairs are at hand, the result is compared with them.
    """
    data = await find_data(config)
    src, tgt = await together(
        prepare(config, data, config.src_lang),
        prepare(config, data, config.tgt_lang),
    )
    forward, backward = await together(
        search(config, src, tgt, f"{config.src_lang}-{config.tgt_lang}"),
        search(config, tgt, src, f"{config.tgt_lang}-{config.src_lang}"),
    )
    mined = await mine_pairs.schedule(
        MinePairsConfig(forward, backward, config.k, config.margin, config.retrieval, threshold_of(config))
    )
    text = await write_pairs.schedule(WritePairsConfig(mined.pairs, src.text, tgt.text))
    evaluation = await compare(config, data, src, tgt, forward, backward, text)
    return await publish_result(config, data.name, src.sentences, tgt.sentences, mined, text, evaluation, run_report())


async def find_data(config: MiningConfig) -> DataConfig:
    """The corpus that is configured, or the demo's."""
    if config.data is not None:
        return config.data
    demo = config.demo
    corpus = await catalog_corpus.schedule(
        CatalogCorpusConfig(demo.source, config.src_lang, config.tgt_lang, demo.distractors, demo.seed)
    )
    shards = {config.src_lang: str(corpus.src), config.tgt_lang: str(corpus.tgt)}
    return DataConfig(name=Path(demo.source).name, shards=shards, gold=corpus.gold)


async def prepare(config: MiningConfig, data: DataConfig, lang: str) -> Side:
    """Embed one language and make its index."""
    text = resolve_shards(data.shards, lang)
    embedded = await embed(config, data, lang, text)
    embeddings = tuple(shard.embeddings for shard in embedded)
    index = await make_index(config, lang, embeddings)
    return Side(tuple(text), embeddings, sum(shard.sentences for shard in embedded), index)


async def embed(config: MiningConfig, data: DataConfig, lang: str, text: list[Path]) -> list[EmbeddedShard]:
    """Embed the shards of one language, or check the embeddings that are there already."""
    embeddings = None if data.embeddings is None else resolve_shards(data.embeddings, lang, "embeddings")
    shards = text_shards(text, embeddings)
    encoder = config.encoder if embeddings is None else None
    settings = EmbedConfig(lang, encoder, config.embedding_dimensions, timeout_min=config.timeout_min)
    return await embed_text.schedule(settings, over=shards, label=f"embed_text.{lang}")


async def make_index(config: MiningConfig, lang: str, embeddings: tuple[Path, ...]) -> Path:
    """Train an index on one language, fill a copy with each shard, and merge these."""
    limits: dict[str, Any] = {"num_cpu": config.num_cpu, "timeout_min": config.timeout_min}
    trained = await train_index.schedule(
        TrainIndexConfig(lang, embeddings, config.index_type, **limits), label=f"train_index.{lang}"
    )
    parts = await populate_index.schedule(
        PopulateIndexConfig(lang, trained, config.index_type, **limits),
        over=embeddings,
        label=f"populate_index.{config.index_type}.{lang}",
    )
    return await merge_indexes.schedule(MergeIndexesConfig(tuple(parts)), label=f"merge_indexes.{lang}")


async def search(config: MiningConfig, queries: Side, indexed: Side, label: str) -> tuple[Neighbours, ...]:
    """Find the neighbours of one language's sentences in the other language."""
    settings = NeighboursConfig(
        indexed.index, indexed.embeddings, config.k, config.nprobe, config.num_cpu, config.timeout_min
    )
    return tuple(await neighbours.schedule(settings, over=queries.embeddings, label=f"neighbours.{label}"))


async def compare(
    config: MiningConfig,
    data: DataConfig,
    src: Side,
    tgt: Side,
    forward: tuple[Neighbours, ...],
    backward: tuple[Neighbours, ...],
    text: Path,
) -> Evaluation | None:
    """Compare the mined pairs with the known ones, if there are any."""
    if data.gold is None:
        return None
    xsim = XsimConfig(forward, backward, src.text, tgt.text, config.k, config.margin)
    return await evaluate.schedule(EvaluateConfig(text, data.gold, xsim))


@hydra.main(version_base="1.3", config_path="../conf", config_name="mining")
def main(config: DictConfig) -> None:
    """Run the flow with a configuration that Hydra composed, and print what came of it."""
    print_result(run_flow(mining, config))


if __name__ == "__main__":
    start(main, __doc__, MiningConfig)
