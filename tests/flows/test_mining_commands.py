"""Mining with commands of the user's for filter and encoder, as apps on the real local scheduler."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest

from orepass import Store
from orepass.blocks.launchers import DebugLauncher
from orepass.canonical import resolved
from orepass.config import load
from orepass.errors import ArrayError, ConfigError
from orepass.flows._arguments import for_hydra
from orepass.flows._mining_report import MiningResult
from orepass.flows.mining import MiningConfig, mining

from .conftest import CORPUS, DIM, GOLD, write_corpus

ENCODE = """
import sys

import numpy as np

rows = np.load(f"{sys.argv[1]}.npy")
sys.stdout.buffer.write(rows[[int(line.split()[1]) for line in sys.stdin]].tobytes())
"""


@pytest.fixture
def mine(api: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., MiningResult]:
    monkeypatch.chdir(tmp_path)

    def run(data: dict[str, Any], **options: Any) -> MiningResult:
        flow: Any = mining.with_options(task_runner=DebugLauncher().task_runner())
        config = {"src_lang": "xx", "tgt_lang": "yy", "k": 4, "output_dir": "out", "data": data, **options}
        result: MiningResult = asyncio.run(flow(config=json.loads(json.dumps(config))))
        return result

    return run


def test_filter_and_encoder_are_commands(mine: Callable[..., MiningResult], tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data", (60,))
    plain = mine(data)
    pairs = plain.pairs.read_bytes()

    for lang, places in data.pop("embeddings").items():
        np.save(tmp_path / f"{lang}.npy", np.concatenate([np.load(place) for place in places]))
    (tmp_path / "encode.py").write_text(ENCODE)
    encoder = {"name": "command", "command": [sys.executable, "encode.py", "{lang}"], "dim": DIM}
    commands = {"encoder": encoder, "filters": {"command": ["cat"]}}
    first = mine(data, **commands)
    assert first.pairs.read_bytes() == pairs and first.evaluation == plain.evaluation
    assert first.counts[0] == {"read": CORPUS, "filter_command": CORPUS}

    again = mine(data, **commands)
    assert sum(step.computed for step in again.steps) == 0 and again.pairs.read_bytes() == pairs

    drops = {"xx": ["sed", "s/^sentence [0-4] .*//"], "yy": []}
    fewer = mine(data, encoder=encoder, filters={"command": drops})
    assert fewer.counts == ({"read": CORPUS, "filter_command": CORPUS - 5}, {})
    assert "<td>filter_command</td><td>85</td><td></td>" in fewer.report.with_suffix(".html").read_text()
    assert translations(fewer) == {number for number in translations(plain) if number > 4}


def translations(result: MiningResult) -> set[int]:
    """The numbers of the known pairs that were mined."""
    rows = [line.split("\t") for line in result.pairs.read_text().splitlines()]
    numbers = [(int(row[1].split()[1]), int(row[2].split()[1])) for row in rows]
    return {src for src, tgt in numbers if src == tgt < GOLD}


def test_a_wrong_count_of_lines_is_told(mine: Callable[..., MiningResult], tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data", ())
    with pytest.raises(ArrayError) as failed:
        mine(data, filters={"command": ["head", "-n", "7"]})
    said = str(failed.value.exceptions[0])
    assert "filter_command.xx[0]" in said
    assert "The command `head -n 7`" in said and "wrote 7 lines for 90 sentences" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": {"command": ["none"]}}, r"filters\.command=\['none'\] cannot run.*'none', which is not there"),
        ({"filters": {"command": {"xx": ["cat"]}}}, r"filters\.command has no entry for 'yy'.*or \[\] for none"),
        ({"encoder": {"name": "command", "command": ["none"], "dim": 3}}, r"encoder\.command=\['none'\] cannot run"),
        ({"filters": {"command": ["cat"], "app": {"scheduler": "slrum"}}}, "'slrum'. Did you mean 'slurm'"),
    ],
)
def test_what_cannot_run_is_told_before_anything_does(
    mine: Callable[..., MiningResult], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        mine({"name": "none", "shards": "there is no such file"}, **options)


def test_commands_on_the_command_line() -> None:
    words = for_hydra(
        [
            'filters.command=[python3,clean.py,"--lang={lang}","{input}"]',
            "filters.app.scheduler=slurm",
            "filters.app.scheduler_options={partition: cpu}",
            "encoder=command",
            "encoder.command=[python3,encode.py]",
            "encoder.dim=9",
            "encoder.app.files=[model.bin]",
        ]
    )
    with hydra.initialize_config_module("orepass.conf", version_base="1.3"):
        options = resolved(hydra.compose("mining", words))
    config = load(MiningConfig, {name: options[name] for name in ("filters", "encoder")})
    assert config.filters.command_for("fr") == ("python3", "clean.py", "--lang=fr", "{input}")
    assert (config.filters.app.scheduler, config.filters.app.scheduler_options) == ("slurm", {"partition": "cpu"})
    assert (config.encoder.command, config.encoder.dim) == (("python3", "encode.py"), 9)
    assert config.encoder.app.files == (Path("model.bin"),)
