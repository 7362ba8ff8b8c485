"""Global bitext mining: two monolingual text collections in, translated sentence pairs out.

python flows/mining.py
python flows/mining.py src_lang=bn tgt_lang=hi +data=NAME
"""

from __future__ import annotations

import orepass  # noqa: F401  (first, because it sets Prefect's defaults)

# isort: split
from dataclasses import dataclass, field
from pathlib import Path

import hydra
from omegaconf import DictConfig
from prefect import flow

from orepass import run_report, together
from orepass.blocks.launchers.default import DefaultTaskRunner
from orepass.config import Config
from orepass.errors import ConfigError
from orepass.flows._main import run_flow, start
from orepass.flows._mining_commands import check_commands
from orepass.flows._mining_pairs import choose, compare, write
from orepass.flows._mining_report import MiningResult, print_result, publish_result
from orepass.flows._mining_text import FilterConfig, check_lang, prepare_text
from orepass.flows._neighbours import Side, find_neighbours, make_mining_plan
from orepass.tasks.bitext.embed_text import EmbedConfig, embed_text
from orepass.tasks.bitext.margin import MARGINS, RETRIEVALS, check_choice
from orepass.tasks.bitext.product_choice import PRODUCTS
from orepass.tasks.bitext.vectors import RAW_TYPES
from orepass.tasks.bitext.write_pairs import PAIR_FORMATS
from orepass.tasks.text.catalog_corpus import CatalogCorpusConfig, catalog_corpus
from orepass.tasks.text.encoders import EncoderConfig
from orepass.tasks.text.shards import DataConfig


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
        embedding_dtype: the type of raw `.bin` embeddings, `float32` or `float16`.
        index_type: `auto` for the cheapest way, see docs/mining.md; `Flat` for the exact one; or any FAISS factory
            string, for an index of this type.
        nprobe: how many lists of an inverted-file index are searched; None to have it chosen for
        recall: the share of the exact way's pairs that is to be found, from 0 to 1.
        product: what the exact way multiplies in: `float32`, `bfloat16`, or `auto` for the faster one on the
            processor. It changes no bit of the result.
        k: how many neighbours count in the margin.
        margin: `ratio`, `distance` or `absolute`.
        retrieval: `forward`, `backward`, `union`, `intersection` or `max`.
        threshold: the lowest margin of a pair; None for the encoder's own, where margin, retrieval and k are those
            that it was measured with, else 1.06. The larger a corpus, the lower its ratio margins are.
        num_cpu: cores for one step of training an index or finding neighbours.
        mem_gb: GiB of memory that such a step may have; None for all that this machine has.
        use_gpu: let such steps ask for a GPU, which the launcher has to have.
        timeout_min: minutes after which a step is killed; None for no limit.
        filters: what is left out before mining.
        shard_lines: cut files with more sentences into shards of so many; None to leave them whole.
        output_format: `tsv`, `tsv.gz`, `tsv.zst`, `parquet`, `moses` or `tmx`, or a list of such.
        output_dir: where the result is put for people to find, in a folder for the corpus and the languages.
    """

    src_lang: str = "en"
    tgt_lang: str = "fr"
    data: DataConfig | None = None
    demo: DemoConfig = DemoConfig()
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    embedding_dimensions: int | None = None
    embedding_dtype: str = "float32"
    index_type: str = "auto"
    nprobe: int | None = None
    recall: float = 0.95
    product: str = "auto"
    k: int = 16
    margin: str = "ratio"
    retrieval: str = "intersection"  # the best of the five on held-out catalogs, see the model card
    threshold: float | None = None
    num_cpu: int = 1
    mem_gb: float | None = None
    use_gpu: bool = False
    timeout_min: float | None = None
    filters: FilterConfig = field(default_factory=FilterConfig)
    shard_lines: int | None = None
    output_format: str | tuple[str, ...] = "tsv"
    output_dir: str = "outputs/mining"

    def __post_init__(self) -> None:
        check_choice("margin", self.margin, MARGINS)
        check_choice("retrieval", self.retrieval, RETRIEVALS)
        for name in self.formats or ("",):
            check_choice("output_format", name, PAIR_FORMATS)
        for option in ("src_lang", "tgt_lang"):
            check_lang(option, getattr(self, option))
        check_choice("product", self.product, PRODUCTS)
        check_choice("embedding_dtype", self.embedding_dtype, RAW_TYPES)
        for option in ("k", "nprobe", "num_cpu", "shard_lines"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise ConfigError(f"{option}={value} is too small; it must be at least 1.")

    @property
    def formats(self) -> tuple[str, ...]:
        """What the pairs are written as, once each."""
        return tuple(dict.fromkeys([self.output_format] if isinstance(self.output_format, str) else self.output_format))


@flow(name="mining", task_runner=DefaultTaskRunner())
async def mining(config: MiningConfig) -> MiningResult:
    """Mine translated sentence pairs.

    Both languages are read, filtered and embedded side by side, shard by shard. Every sentence looks for its neighbours
    in the other language, exactly or in an index, whichever the plan says; pairs are scored by the margin between their
    similarity and that of their neighbours, and those above the threshold are written. Where known pairs are at hand,
    the result is compared with them.
    """
    check_commands(config)
    data = await find_data(config)
    src, tgt = await together(
        embed(config, data, config.src_lang),
        embed(config, data, config.tgt_lang),
    )
    plan = make_mining_plan(config, src, tgt, known=data.gold is not None)
    forward, backward = await find_neighbours(config, plan, src, tgt)
    mined = await choose(config, plan, src, tgt, forward, backward)
    written = await write(config, plan, src, tgt, mined)
    evaluation = await compare(config, plan, data.gold, src, tgt, forward, backward, mined)
    return await publish_result(config, data.name, (src, tgt), mined, written, evaluation, run_report())


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


async def embed(config: MiningConfig, data: DataConfig, lang: str) -> Side:
    """Read and embed the sentences of one language, or check the embeddings that are there already."""
    text = await prepare_text(data, lang, (config.src_lang, config.tgt_lang), config.filters, config.shard_lines)
    encoder = config.encoder if data.embeddings is None else None
    settings = EmbedConfig(
        lang, encoder, config.embedding_dimensions, config.embedding_dtype, timeout_min=config.timeout_min
    )
    shards = await embed_text.schedule(settings, over=text.shards, label=f"embed_text.{lang}")
    return Side(lang, text, tuple(shards))


@hydra.main(version_base="1.3", config_path="../conf", config_name="mining")
def main(config: DictConfig) -> None:
    """Run the flow with a configuration that Hydra composed, and print what came of it."""
    print_result(run_flow(mining, config))


if __name__ == "__main__":
    start(main, __doc__, MiningConfig)
