from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pyarrow.parquet as pq
import pytest
from processes_of_tests import wait_until

from orepass import Store
from orepass.blocks.launchers import DebugLauncher
from orepass.canonical import resolved
from orepass.config import load
from orepass.errors import ConfigError
from orepass.flows._mining_report import MiningResult
from orepass.flows.mining import MiningConfig, mining

from .conftest import CORPUS, GOLD, CommandLine, Start, write_corpus

OPTIONS = {"src_lang": "xx", "tgt_lang": "yy", "k": 4}


@pytest.fixture
def mine(api: str, store: Store, tmp_path: Path) -> Callable[..., MiningResult]:
    """Call the flow with plain JSON values, as a deployment does."""

    def run(data: dict[str, Any], **options: Any) -> MiningResult:
        config = {**OPTIONS, "output_dir": str(tmp_path / "out"), "data": data, **options}
        flow: Any = mining.with_options(task_runner=DebugLauncher().task_runner())
        result: MiningResult = asyncio.run(flow(config=json.loads(json.dumps(config))))
        return result

    return run


Mine = Callable[..., MiningResult]


def cached(result: MiningResult) -> tuple[int, int]:
    """How many results of steps came from the store, and how many were computed."""
    return sum(step.cached for step in result.steps), sum(step.computed for step in result.steps)


def test_the_command_line_and_python_have_the_same_keys(
    start: Start, mine: Mine, config_folder: Path, data: dict[str, Any], tmp_path: Path
) -> None:
    run = start("mining", f"--config-dir={config_folder}", "+data=tiny", "src_lang=xx", "tgt_lang=yy", "k=4")
    said = run.end()
    assert run.process.returncode == 0, said
    for words in ("tiny xx-yy", "pairs mined", "precision", "recall", "F1", "embed_text.xx", "Pairs: ", "Report: "):
        assert words in said
    assert "Traceback" not in said and "Everything came from the cache" not in said
    pairs = tmp_path / "outputs" / "mining" / "tiny.xx-yy" / "pairs.tsv"
    assert str(pairs.relative_to(tmp_path)) in said
    report = json.loads((pairs.parent / "report.json").read_text())
    assert report["evaluation"]["gold"] == GOLD and report["sentences"] == [CORPUS, CORPUS]
    assert report["evaluation"]["f1"] > 0.9
    result = mine(data)
    assert cached(result)[1] == 0
    assert result.pairs.read_bytes() == pairs.read_bytes()
    first = pairs.read_text().splitlines()[0].split("\t")
    assert first[1] in (pairs.parent / "report.html").read_text()
    assert float(first[0]) > 1.06 and first[1].removesuffix("xx") == first[2].removesuffix("yy")


def test_a_second_run_says_that_everything_came_from_the_cache(
    mine: Mine, command_line: CommandLine, config_folder: Path, data: dict[str, Any]
) -> None:
    mine(data)
    ended = command_line(
        "mining", f"--config-dir={config_folder}", "launcher=debug", "+data=tiny", "src_lang=xx", "tgt_lang=yy", "k=4"
    )
    assert ended.code == 0, ended.err
    assert "Everything came from the cache" in ended.out


def test_one_shard_and_seven_give_identical_files(mine: Mine, tmp_path: Path) -> None:
    one = mine(write_corpus(tmp_path / "one", ()))
    content = one.pairs.read_bytes()
    seven = mine(write_corpus(tmp_path / "seven", (1, 20, 21, 50, 77, 88)))
    assert content.count(b"\n") == one.mined > GOLD * 0.9
    assert seven.pairs.read_bytes() == content
    assert next(step.computed for step in seven.steps if step.step == "embed_text.xx") == 7


def test_data_by_list_glob_and_folder_are_the_same(mine: Mine, data: dict[str, Any], tmp_path: Path) -> None:
    first = mine(data)
    folder = tmp_path / "data"
    by_glob = {**data, "shards": str(folder / "{lang}.*.txt"), "embeddings": str(folder / "{lang}.*.npy")}
    assert cached(mine(by_glob)) == (sum(cached(first)), 0)
    for lang in ("xx", "yy"):
        for kind in ("txt", "npy"):
            (tmp_path / kind / lang).mkdir(parents=True)
            for file in folder.glob(f"{lang}.*.{kind}"):
                file.rename(tmp_path / kind / lang / file.name)
    moved = {**data, "shards": str(tmp_path / "txt" / "{lang}"), "embeddings": str(tmp_path / "npy" / "{lang}")}
    assert cached(mine(moved)) == (sum(cached(first)), 0)


def test_text_with_columns_that_is_cut_and_filtered_gives_the_same_pairs(
    mine: Mine, data: dict[str, Any], tmp_path: Path
) -> None:
    plain = mine(data)
    for lang in ("xx", "yy"):
        lines = [line for place in data["shards"][lang] for line in Path(place).read_text().splitlines()]
        rows = np.concatenate([np.load(place) for place in data["embeddings"][lang]])
        order = [*range(CORPUS), 0, 1, 0]
        table = [f"{lang}{row}\t{lines[row]}\n" for row in order]
        (tmp_path / f"{lang}.tsv").write_text("".join(["id\ttext\n", *table, "none\tshort\n"]))
        np.save(tmp_path / f"{lang}.npy", np.concatenate([rows[order], rows[:1]]))
    described = {"text": "text", "id": "id"}
    places = {"shards": str(tmp_path / "{lang}.tsv"), "embeddings": str(tmp_path / "{lang}.npy")}
    result = mine(
        {**data, **places, **described},
        filters={"dedup": True, "min_chars": 6, "max_length_ratio": 9},
        shard_lines=40,
        output_format=["tsv.gz", "parquet"],
    )
    assert [path.name for path in result.files] == ["pairs.tsv.gz", "pairs.parquet"]
    pairs = pq.read_table(result.files[1]).to_pylist()
    found = [line.split("\t") for line in plain.pairs.read_text().splitlines()]
    assert [[pair["source"], pair["target"], pair["direction"]] for pair in pairs] == [line[1:] for line in found]
    for pair in pairs:
        number = int(pair["source"].split()[1])
        assert (pair["src_id"], pair["src_count"]) == (f"xx{number}", {0: 3, 1: 2}.get(number, 1))
    counts = {"read": CORPUS + 4, "filter_lengths": CORPUS + 3, "drop_duplicates": CORPUS}
    assert result.counts == (counts, counts)
    assert result.evaluation == plain.evaluation
    assert next(step.computed for step in result.steps if step.step == "embed_text.xx") == 3


def test_one_changed_shard_is_embedded_again_and_the_others_are_not(
    mine: Mine, data: dict[str, Any], tmp_path: Path
) -> None:
    mine(data)
    rows = np.load(data["embeddings"]["xx"][1])
    np.save(data["embeddings"]["xx"][1], rows[:, ::-1].copy())
    steps = {step.step: (step.cached, step.computed) for step in mine(data).steps}
    assert steps["embed_text.xx"] == (2, 1)
    assert steps["embed_text.yy"] == (3, 0)


def test_awkward_paths(mine: Mine, tmp_path: Path) -> None:
    awkward = tmp_path / "a 'quoted' \"place\"\nwith {braces} [x] ${y} #z"
    result = mine(write_corpus(awkward / "data"), output_dir=str(awkward / "out"))
    assert result.pairs.is_relative_to(awkward / "out")
    assert len(result.pairs.read_text().splitlines()) == result.mined > 0


def test_after_kill_9_the_same_command_goes_on(
    start: Start, mine: Mine, store: Store, config_folder: Path, data: dict[str, Any]
) -> None:
    # On one core, so that much is left to do when the first shard is there.
    words = ("+data=tiny", "src_lang=xx", "tgt_lang=yy", "k=4", "launcher.cpus=1")
    run = start("mining", f"--config-dir={config_folder}", *words)
    wait_until(lambda: any(store.root.glob("embed_text/*/record.json")), "an embedded shard")
    run.kill()
    time.sleep(1)  # its workers see that, too
    finished = len(list(store.root.glob("[!.]*/*/record.json")))
    result = mine(data)
    assert cached(result)[0] == finished
    assert cached(result)[1] > 0


def test_no_pair_above_the_threshold(command_line: CommandLine, config_folder: Path) -> None:
    ended = command_line(
        "mining", f"--config-dir={config_folder}", "launcher=debug", "+data=tiny", "src_lang=xx", "tgt_lang=yy",
        "k=4", "threshold=99",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "no pair reaches threshold=99" in ended.log
    assert "pairs mined" in ended.out


def test_filters_that_leave_nothing(command_line: CommandLine, config_folder: Path) -> None:
    ended = command_line(
        "mining", f"--config-dir={config_folder}", "launcher=debug", "+data=tiny", "src_lang=xx", "tgt_lang=yy",
        "filters.max_chars=3",
    )  # fmt: skip
    assert ended.code == 1
    assert "Error: No sentence of 'xx' is left after filter_lengths. Loosen the filters." in ended.err


def test_more_neighbours_than_sentences(mine: Mine, data: dict[str, Any]) -> None:
    result = mine(data, k=10 * CORPUS)
    assert result.evaluation is not None and result.evaluation.pairs == result.mined


def _nan(data: dict[str, Any]) -> None:
    rows = np.load(data["embeddings"]["yy"][0])
    rows[3, 2] = np.nan
    np.save(data["embeddings"]["yy"][0], rows)


def _too_long(data: dict[str, Any]) -> None:
    rows = np.load(data["embeddings"]["yy"][0])
    np.save(data["embeddings"]["yy"][0], np.concatenate([rows, rows]))


def _wide(data: dict[str, Any]) -> None:
    rows = np.load(data["embeddings"]["yy"][0])
    np.save(data["embeddings"]["yy"][0], np.concatenate([rows, rows], axis=1))


def _other_languages_wide(data: dict[str, Any]) -> None:
    for name in data["embeddings"]["yy"]:
        rows = np.load(name)
        np.save(name, np.concatenate([rows, rows], axis=1))


def _missing(data: dict[str, Any]) -> None:
    Path(data["shards"]["yy"][1]).unlink()


def _empty(data: dict[str, Any]) -> None:
    Path(data["shards"]["yy"][1]).write_text("")


def _not_utf8(data: dict[str, Any]) -> None:
    place = Path(data["shards"]["yy"][1])
    lines = place.read_bytes().splitlines(keepends=True)
    place.write_bytes(b"".join([*lines[:3], b"caf\xe9\n", *lines[4:]]))


def _truncated_gz(data: dict[str, Any]) -> None:
    plain = Path(data["shards"]["yy"][1])
    packed = Path(f"{plain}.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes())[:-9])
    data["shards"]["yy"][1] = str(packed)


def _fewer_embeddings(data: dict[str, Any]) -> None:
    data["embeddings"]["yy"].pop()


def _no_such_language(data: dict[str, Any]) -> None:
    data["shards"]["zz"] = data["shards"].pop("yy")


def _no_such_column(data: dict[str, Any]) -> None:
    data |= {"format": "tsv", "text": "sentence"}


def _no_gold(data: dict[str, Any]) -> None:
    Path(data["gold"]).unlink()


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (_nan, 1, ["yy.0.npy", "row 3"]),
        (_too_long, 1, ["yy.0.npy", "60 rows", "30 lines"]),
        (_wide, 1, ["24", "12"]),
        (_other_languages_wide, 1, ["24", "12"]),
        (_missing, 1, ["yy.1.txt"]),
        (_empty, 1, ["yy.1.txt", "empty"]),
        (_not_utf8, 1, ["yy.1.txt", "line 4", "UTF-8"]),
        (_truncated_gz, 1, ["yy.1.txt.gz"]),
        (_fewer_embeddings, 1, ["3 text shards", "2 files of embeddings"]),
        (_no_such_language, 2, ["'yy'", "Valid: xx, zz"]),
        (_no_gold, 1, ["gold.tsv"]),
        (_no_such_column, 1, [".txt' has no column 'sentence'", "Valid: sentence "]),
    ],
)
def test_data_that_cannot_be_mined(
    command_line: CommandLine,
    config_folder: Path,
    data: dict[str, Any],
    spoil: Callable[[dict[str, Any]], None],
    code: int,
    said: list[str],
) -> None:
    spoil(data)
    (config_folder / "data" / "tiny.yaml").write_text(json.dumps(data))
    ended = command_line(
        "mining", f"--config-dir={config_folder}", "launcher=debug", "+data=tiny", "src_lang=xx", "tgt_lang=yy", "k=4"
    )
    assert ended.code == code, ended.err
    assert "Error: " in ended.err
    for words in said:
        assert words in ended.err.rpartition("Error: ")[2]
    assert "Traceback" not in ended.err + ended.log


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["srclang=bn"], ["srclang", "Did you mean 'src_lang'?", "Valid: data, demo,"]),
        (["margin=ration"], ["ration", "ratio", "distance", "absolute"]),
        (["retrieval=both"], ["both", "intersection"]),
        (["k=0"], ["k=0", "at least 1"]),
        (["k=many"], ["k:", "'many'"]),
        (["launcher.cpu=2"], ["No option 'cpu' in launcher local", "Valid: cpus, gpus"]),
        (["store.rot=x"], ["rot", "root"]),
        (["server=tempory"], ["tempory", "auto, temporary"]),
        (["demo.sorce=x"], ["demo", "sorce", "source"]),
        (["data={shards: a}"], ["name", "required"]),
        (["output_format=[tsv,tmz]"], ["tmz", "Did you mean 'tmx'?"]),
        (["filters.dedupe=true"], ["dedupe", "Did you mean 'dedup'?"]),
        (["filters.max_length_ratio=0.5"], ["max_length_ratio=0.5", "below 1"]),
        (["filters.min_confidence=60"], ["min_confidence=60", "from 0 to 1"]),
        (["data={name: a, shards: b, format: json}"], ["format='json'", "Did you mean 'jsonl'?"]),
        (["threshold=high"], ["threshold", "'high'"]),
    ],
)
def test_wrong_options_list_the_valid_ones(command_line: CommandLine, arguments: list[str], said: list[str]) -> None:
    ended = command_line("mining", *arguments)
    assert ended.code == 2, ended.err
    for words in said:
        assert words in ended.err
    assert "Traceback" not in ended.err + ended.log


def test_a_launcher_that_does_not_exist(command_line: CommandLine) -> None:
    ended = command_line("mining", "launcher=locl")
    assert ended.code == 1
    assert "debug" in ended.err and "local" in ended.err
    assert "Traceback" not in ended.err + ended.log


def test_what_is_configured_is_the_default_in_python() -> None:
    """So that the command line and Python mine alike."""
    with hydra.initialize_config_module("orepass.conf", version_base="1.3"):
        options = resolved(hydra.compose("mining"))
    for name in ("launcher", "store", "server"):
        del options[name]
    assert load(MiningConfig, options) == MiningConfig()


def test_help_tells_what_the_options_mean(command_line: CommandLine) -> None:
    ended = command_line("mining", "--help")
    assert ended.code == 0
    assert "src_lang: the source language." in ended.out
    assert "threshold" in ended.out


@pytest.mark.parametrize("lang", ["en/US", "..", "", "scores"])
def test_a_language_that_cannot_be_part_of_a_files_name(lang: str) -> None:
    with pytest.raises(ConfigError, match=r"tgt_lang=.* cannot name a language"):
        MiningConfig(tgt_lang=lang)
