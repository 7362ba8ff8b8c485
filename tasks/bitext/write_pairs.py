"""The step that writes mined pairs as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orepass import Requirements, module, workdir
from orepass.config import Config
from orepass.pipelines import Input, adapter
from orepass.tasks.bitext.margin import Pairs, check_choice
from orepass.tasks.bitext.mined_text import MinedText, mined_text
from orepass.tasks.bitext.pair_files import PAIR_COLUMNS, Batch, Languages, write_moses, write_parquet, write_tsv
from orepass.tasks.bitext.tmx import write_tmx
from orepass.tasks.bitext.vectors import Ids
from orepass.tasks.text.lines import one_line, one_lines
from orepass.tasks.text.prepared import columns_at

PAIR_FORMATS: dict[str, Callable[[Path, Iterable[Batch], Languages], tuple[Path, ...]]] = {
    "tsv": lambda folder, batches, _: write_tsv(folder / "pairs.tsv", batches),
    "tsv.gz": lambda folder, batches, _: write_tsv(folder / "pairs.tsv.gz", batches),
    "tsv.zst": lambda folder, batches, _: write_tsv(folder / "pairs.tsv.zst", batches),
    "parquet": lambda folder, batches, _: write_parquet(folder / "pairs.parquet", batches),
    "moses": write_moses,
    "tmx": lambda folder, batches, languages: write_tmx(folder / "pairs.tmx", batches, languages),
}
"""How pairs can be written."""

_DIRECTIONS = ("", "forward", "backward", "both")
_BATCH = 1 << 16
_EXAMPLES = 20


@dataclass(frozen=True)
class SideText(Config):
    """What is known of the sentences of one side, row for row as their embeddings.

    Attributes:
        lang: the language.
        text: the text shards, in the order of their embeddings.
        columns: parquet files of what is carried along, one a shard; none if nothing is.
    """

    lang: str
    text: tuple[Path, ...]
    columns: tuple[Path, ...] = ()


@adapter
def side_text(text: Input[Sequence[Path]], lang: str, columns: Input[Sequence[Path]] = ()) -> SideText:
    """One side of the text that pairs are written of.

    Args:
        text: the text shards, in the order of their embeddings.
        lang: the language.
        columns: what is carried along, a file a shard.
    """
    return SideText(lang, tuple(text), tuple(columns))


@dataclass(frozen=True)
class WritePairsConfig(Config):
    """What is written.

    Attributes:
        candidates: `MinedPairs.candidates`.
        count: how many of them are mined.
        src: the source side.
        tgt: the target side.
        formats: names in `PAIR_FORMATS`.
        mem_gb: GiB that the step asks for.
    """

    candidates: Input[Path]
    count: Input[int]
    src: Input[SideText]
    tgt: Input[SideText]
    formats: tuple[str, ...] = ("tsv",)
    mem_gb: float = 2.0


@dataclass(frozen=True)
class Example:
    """A candidate pair to look at."""

    score: float
    source: str
    target: str


@dataclass(frozen=True)
class WrittenPairs:
    """Mined pairs as text.

    Attributes:
        files: in the order of the formats.
        columns: the names of what stands in a TSV file.
        sample: some mined pairs, evenly spaced from the best to the worst.
        above: the mined pairs with the lowest scores, best first.
        below: the candidates with the highest scores that are not mined.
    """

    files: tuple[Path, ...]
    columns: tuple[str, ...]
    sample: tuple[Example, ...]
    above: tuple[Example, ...]
    below: tuple[Example, ...]


@module(
    version="2",
    requires=lambda config: Requirements(mem_gb=config.mem_gb),
    config_for_cache=lambda config: {name: value for name, value in vars(config).items() if name != "mem_gb"},
)
def write_pairs(config: WritePairsConfig) -> WrittenPairs:
    """Write the mined pairs, best first, in one or several formats.

    Tabs and line separators inside a sentence become spaces, see `one_line`. The columns are `score`, `source`,
    `target`, `direction` (`forward`, `backward` or `both`: which of the two sentences has the other for its best),
    and for each carried column NAME of a side `src_NAME` or `tgt_NAME`. Main memory holds what is
    carried along with the pairs, and their sentences stay on disk.

    Raises:
        ConfigError: a format that does not exist.
        InputError: text that cannot be read, or has fewer lines than the pairs have rows; carried columns whose types
            differ from shard to shard.
    """
    for name in config.formats:
        check_choice("output_format", name, PAIR_FORMATS)
    candidates = np.load(config.candidates, mmap_mode="r")
    mined, near = candidates[: config.count], candidates[: config.count + _EXAMPLES]
    with (
        mined_text(config.src.text, near["src"]) as src,
        mined_text(config.tgt.text, near["tgt"]) as tgt,
    ):
        return _written(config, mined, near, src, tgt)


def _written(config: WritePairsConfig, mined: Pairs, near: Pairs, src: MinedText, tgt: MinedText) -> WrittenPairs:
    carried = _carried("src", config.src, mined["src"]) | _carried("tgt", config.tgt, mined["tgt"])

    def batches() -> Iterator[Batch]:
        for start in range(0, max(len(mined), 1), _BATCH):  # one without pairs tells the types of the columns
            here = slice(start, start + _BATCH)
            yield _batch(np.array(mined[here]), src, tgt) | {name: column[here] for name, column in carried.items()}

    def examples(places: Iterable[int]) -> tuple[Example, ...]:
        rows = near[list(places)]
        texts = (map(one_line, src.at(rows["src"])), map(one_line, tgt.at(rows["tgt"])))
        return tuple(Example(*example) for example in zip(rows["score"].tolist(), *texts, strict=True))

    languages = (config.src.lang, config.tgt.lang)
    written = [PAIR_FORMATS[name](workdir(), batches(), languages) for name in config.formats]
    spread = np.linspace(0, len(mined) - 1, min(len(mined), _EXAMPLES)).round().astype(int)
    return WrittenPairs(
        files=tuple(path for paths in written for path in paths),
        columns=(*PAIR_COLUMNS, *carried),
        sample=examples(spread.tolist()),
        above=examples(range(max(len(mined) - _EXAMPLES, 0), len(mined))),
        below=examples(range(len(mined), len(near))),
    )


def _batch(pairs: Pairs, src: MinedText, tgt: MinedText) -> Batch:
    columns = (
        pairs["score"],
        one_lines(src.at(pairs["src"])),
        one_lines(tgt.at(pairs["tgt"])),
        [_DIRECTIONS[direction] for direction in pairs["direction"].tolist()],
    )
    return dict(zip(PAIR_COLUMNS, columns, strict=True))


def _carried(prefix: str, side: SideText, rows: Ids) -> dict[str, Any]:
    if not side.columns:
        return {}
    table = columns_at(side.columns, rows)
    return {f"{prefix}_{name}": table[name] for name in table.column_names}
