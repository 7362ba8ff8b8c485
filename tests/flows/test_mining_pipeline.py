"""The mining flow and the mining pipeline go on from one another's work."""

from __future__ import annotations

import json

import pytest
from command_of_tests import orepass

from .conftest import CommandLine


def standing(capfd: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    assert orepass("status", "mining_pipeline.yaml", "--json", *words) == 0
    return {row["module"]: row["state"] for row in json.loads(capfd.readouterr().out)}


def test_the_pipeline_goes_on_from_the_flow(command_line: CommandLine, capfd: pytest.CaptureFixture[str]) -> None:
    assert command_line("mining", "launcher=debug", "tgt_lang=pl").code == 0
    assert set(standing(capfd, "vars.tgt_lang=pl").values()) == {"done"}
    assert command_line("mining", "launcher=debug", "tgt_lang=pl", "index_type=IVF8,Flat").code == 0
    indexed = standing(capfd, "vars.tgt_lang=pl", "search=index", "vars.index_type='IVF8,Flat'")
    assert {"src:embed", "src:train", "src:populate", "neighbours:forward"} <= indexed.keys()
    assert set(indexed.values()) == {"done"}


def test_the_flow_goes_on_from_the_pipeline(command_line: CommandLine, capfd: pytest.CaptureFixture[str]) -> None:
    command_line("mining", "--help")  # which sets the folder
    assert orepass("run", "mining_pipeline.yaml", "vars.tgt_lang=pl", "launcher=debug") == 0
    mined = command_line("mining", "launcher=debug", "tgt_lang=pl")
    assert "Everything came from the cache" in mined.out
