from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.mine_pairs import LengthLimit, MinePairsConfig, mine_pairs
from orepass.tasks.bitext.neighbours import Neighbours
from orepass.tasks.bitext.write_pairs import SideText, WritePairsConfig, write_pairs
from orepass.tasks.text.count_characters import count_characters

Rows = NDArray[np.float32]


@pytest.fixture
def corpus() -> tuple[Rows, Rows]:
    """300 sentences whose translation has the same row number, 100 without one, 200 duplicates, and empty ones."""
    rng = np.random.default_rng(5)
    src = rng.standard_normal((600, 16))
    tgt = src + 0.4 * rng.standard_normal((600, 16))
    src[300:400], tgt[300:400] = rng.standard_normal((2, 100, 16))
    src[400:600], tgt[400:600] = src[0], tgt[0]
    src[50:60], tgt[55:65] = 0, 0
    return src.astype(np.float32), tgt.astype(np.float32)


def write_text(folder: Path, name: str, rows: list[int]) -> list[Path]:
    paths, start = [], 0
    for number, count in enumerate(rows):
        paths.append(folder / f"{name}.{len(rows)}.{number}.txt")
        paths[-1].write_text("".join(f"{name} {row}\n" for row in range(start, start + count)))
        start += count
    return paths


def run(
    save: Any, find: Any, folder: Path, corpus: tuple[Rows, Rows], shards: int, **options: Any
) -> tuple[bytes, bytes]:
    """The bytes of the mined pairs and of their text."""
    src, tgt = save("src", corpus[0], shards), save("tgt", corpus[1], shards)
    config = MinePairsConfig(tuple(find(src, tgt, 16)), tuple(find(tgt, src, 16)), **options)
    mined = mine_pairs(config)
    src_text = write_text(folder, "src", [len(np.load(path)) for path in src])
    tgt_text = write_text(folder, "tgt", [len(np.load(path)) for path in tgt])
    sides = (SideText("xx", tuple(src_text)), SideText("yy", tuple(tgt_text)))
    written = write_pairs(WritePairsConfig(mined.candidates, mined.count, *sides))
    return mined.candidates.read_bytes(), written.files[0].read_bytes()


@pytest.mark.parametrize("retrieval", ["max", "union"])
@pytest.mark.parametrize("margin", ["ratio", "distance"])
def test_one_shard_and_seven_give_identical_files(
    save: Any, find: Any, tmp_path: Path, corpus: tuple[Rows, Rows], margin: str, retrieval: str
) -> None:
    options = {"margin": margin, "retrieval": retrieval, "threshold": 0.01}
    one = run(save, find, tmp_path, corpus, 1, **options)
    assert one == run(save, find, tmp_path, corpus, 7, **options)
    assert one[1].count(b"\n") > 200


def test_finds_the_translations(save: Any, find: Any, tmp_path: Path, corpus: tuple[Rows, Rows]) -> None:
    _, text = run(save, find, tmp_path, corpus, 2, threshold=1.2)
    pairs = [line.split("\t") for line in text.decode().splitlines()]
    scores = [float(score) for score, *_ in pairs]
    assert scores == sorted(scores, reverse=True) and scores[-1] >= 1.2
    right = sum(src.split()[1] == tgt.split()[1] for _, src, tgt, _ in pairs)
    assert right > 0.9 * len(pairs) and right > 200
    empty = {f"src {row}" for row in range(50, 60)} | {f"tgt {row}" for row in range(55, 65)}
    assert not empty & {field for pair in pairs for field in pair[1:3]}
    assert len({src for _, src, *_ in pairs}) == len({tgt for _, _, tgt, _ in pairs}) == len(pairs)


@pytest.fixture
def small(tmp_path: Path) -> MinePairsConfig:
    """Two sentences a side, each the nearest of its partner."""
    np.save(tmp_path / "ids.npy", np.array([[0, 1], [1, 0]]))
    np.save(tmp_path / "scores.npy", np.array([[0.8, 0.4], [0.8, 0.4]], np.float32))
    both = (Neighbours(tmp_path / "ids.npy", tmp_path / "scores.npy"),)
    return MinePairsConfig(both, both, k=2)


def test_threshold_is_the_lowest_mined_score(small: MinePairsConfig) -> None:
    mined = mine_pairs(small)
    score = np.float32(0.8 / 0.6)
    assert np.load(mined.candidates).tolist() == [(0, 0, score, 3), (1, 1, score, 3)]
    assert mined.count == sum(mined.histogram_counts) == 2
    assert len(mined.histogram_edges) == len(mined.histogram_counts) + 1
    cut = replace(small, margin="absolute", threshold=float(np.float32(0.8)))
    assert mine_pairs(cut).count == 2


def test_no_pair_above_the_threshold_is_a_warning(
    small: MinePairsConfig, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with caplog.at_level(logging.WARNING):
        mined = mine_pairs(replace(small, threshold=2.0))
    assert "no pair reaches threshold=2: the best margin is 1.3333." in caplog.text
    assert mined.count == 0 and len(np.load(mined.candidates)) == 2


def test_lengths_that_do_not_go_together_are_no_pairs(small: MinePairsConfig, tmp_path: Path) -> None:
    (tmp_path / "src").write_text("four\nčćžđ and more\n")
    (tmp_path / "tgt").write_text("12345678\n\n")
    lengths = [(count_characters(None, tmp_path / side),) for side in ("src", "tgt")]
    score = np.float32(0.8 / 0.6)

    def mined(ratio: float) -> list[Any]:
        config = replace(small, retrieval="union", threshold=0, limit=LengthLimit(ratio, *lengths))
        return np.load(mine_pairs(config).candidates).tolist()

    assert mined(13) == [(0, 0, score, 3), (1, 1, score, 3)]
    assert mined(2) == [(0, 0, score, 3), (1, 0, np.float32(0.4 / 0.6), 1)]  # the next best, with the same average
    assert mined(1.7) == [(1, 0, np.float32(0.4 / 0.6), 3)]


def test_nothing_has_neighbours(small: MinePairsConfig, caplog: pytest.LogCaptureFixture) -> None:
    for shard in small.forward:
        np.save(shard.ids, np.full((2, 2), -1))
        np.save(shard.scores, np.full((2, 2), -np.inf, np.float32))
    assert mine_pairs(small).count == 0
    assert "there are no candidates" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"margin": "ration"},
            r"margin='ration' is unknown\. Did you mean 'ratio'\? Valid: absolute, distance, ratio\.",
        ),
        (
            {"retrieval": "intersect"},
            r"Did you mean 'intersection'\? Valid: backward, forward, intersection, max, union\.",
        ),
        ({"k": 3}, "k=3 must be at least 1 and at most 2, the neighbours searched for"),
        ({"k": 0}, "k=0 must be at least 1"),
    ],
)
def test_options_that_do_not_exist(small: MinePairsConfig, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        mine_pairs(replace(small, **options))


def test_neighbours_of_another_corpus(small: MinePairsConfig, tmp_path: Path) -> None:
    np.save(tmp_path / "far.npy", np.array([[0, 2], [1, 0]]))
    far = (replace(small.forward[0], ids=tmp_path / "far.npy"),)
    with pytest.raises(InputError, match="A neighbour has row 2, but the other side has 2 rows"):
        mine_pairs(replace(small, forward=far))
