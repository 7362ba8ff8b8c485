"""Text in and out, in lines a second: a gzip file of a million lines, a fifth of them repeats, on one core.

    python bench/text.py [RUNS]

"orepass" calls the modules of the flow as functions, one after the other; "plain Python" is a loop over the lines, a
list and a Counter. Reading goes through the file; sharding cuts it into files of 100,000 lines; dedup leaves the first
of each line in these files, with its count; writing looks up half a million pairs and writes them as TSV. What orepass
writes between the steps is compressed and has a number for each line; what plain Python writes is not and has none.
"""

from __future__ import annotations

import gzip
import statistics
import tempfile
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _measure import Runs, main, seconds

from orepass.tasks.bitext.margin import PAIR
from orepass.tasks.bitext.write_pairs import SideText, WritePairsConfig, write_pairs
from orepass.tasks.text.duplicates import (
    CountedText,
    DuplicatesConfig,
    count_duplicates,
    drop_duplicates,
    hash_lines,
)
from orepass.tasks.text.lines import read_lines
from orepass.tasks.text.prepared import PreparedText
from orepass.tasks.text.read_text import ReadTextConfig, TextFile, read_text

LINES, SHARD, REPEATS = 1_000_000, 100_000, 0.2
STAGES = ("read", "shard", "dedup", "write")


def make_corpus(folder: Path) -> tuple[Path, np.ndarray]:
    """Lines of 5 to 15 words, written one after the other, and pairs of their numbers with scores."""
    random = np.random.default_rng(0)
    words = [f"word{number}" for number in range(5_000)]
    again: deque[str] = deque(maxlen=10_000)
    path = folder / "text.gz"
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        for number in range(LINES):
            if number and random.random() < REPEATS:
                line = again[random.integers(len(again))]
            else:
                line = " ".join([words[word] for word in random.integers(len(words), size=random.integers(5, 16))])
            again.append(line)
            file.write(f"{line}\n")
    pairs = np.zeros(LINES // 2, PAIR)
    pairs["src"], pairs["tgt"] = random.integers(0, LINES, (2, len(pairs)))
    pairs["score"] = -np.sort(-random.random(len(pairs)))
    np.save(folder / "pairs.npy", pairs)
    return path, pairs


def orepass(folder: Path) -> dict[str, float]:
    """The modules of the flow."""
    tempfile.tempdir = str(folder)
    path, pairs = make_corpus(folder)
    parts: list[PreparedText] = []

    def dedup() -> None:
        counts = count_duplicates(DuplicatesConfig(tuple(hash_lines(None, part.text) for part in parts)))
        for part in zip(parts, counts, strict=True):
            drop_duplicates(None, CountedText(*part))

    def write() -> None:
        text = tuple(part.text for part in parts)
        sides = (SideText("aa", text), SideText("bb", text))
        write_pairs(WritePairsConfig(folder / "pairs.npy", len(pairs), *sides))

    return _rates(
        lambda: sum(1 for _ in read_lines(path)),
        lambda: parts.extend(read_text(ReadTextConfig(shard_lines=SHARD), TextFile(path))),
        dedup,
        write,
    )


def plain(folder: Path) -> dict[str, float]:
    """What one would write without a library."""
    path, pairs = make_corpus(folder)
    shards = [folder / f"shard.{number}" for number in range(LINES // SHARD)]

    def read() -> int:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return sum(1 for _ in file)

    def shard() -> None:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for place in shards:
                with place.open("w", encoding="utf-8") as out:
                    for _ in range(SHARD):
                        out.write(next(file))

    def dedup() -> None:
        counts: Counter[str] = Counter()
        for place in shards:
            with place.open(encoding="utf-8") as file:
                counts.update(file)
        for place in shards:
            with place.open(encoding="utf-8") as file, place.with_suffix(".kept").open("w", encoding="utf-8") as out:
                for line in file:
                    if count := counts.pop(line, 0):
                        out.write(f"{count}\t{line}")

    def write() -> None:
        src, tgt = ([line.rstrip("\n") for place in shards for line in place.open(encoding="utf-8")] for _ in "st")
        with (folder / "pairs.tsv").open("w", encoding="utf-8") as out:
            for src_row, tgt_row, score, _ in pairs.tolist():
                out.write(f"{score}\t{src[src_row]}\t{tgt[tgt_row]}\tboth\n")

    return _rates(read, shard, dedup, write)


def _rates(*stages: Callable[[], object]) -> dict[str, float]:
    """Thousands of lines a second of each stage; for writing, of pairs."""
    taken = [seconds(stage) for stage in stages]
    counts = (LINES, LINES, LINES, LINES // 2)
    rates = {name: count / 1000 / took for name, count, took in zip(STAGES, counts, taken, strict=True)}
    return {"seconds": sum(taken)} | rates


def compared(runs: Runs) -> str:
    """How many times as fast as plain Python each stage is, by the medians."""
    medians = {
        name: {stage: statistics.median(run[stage] for run in found) for stage in STAGES}
        for name, found in runs.items()
    }
    ratios = (f"{stage} {medians['orepass'][stage] / medians['plain Python'][stage]:.2f}" for stage in STAGES)
    return "times as fast as plain Python: " + ", ".join(ratios)


if __name__ == "__main__":
    main("Text in and out, in thousands of lines a second", {"orepass": orepass, "plain Python": plain}, compared)
