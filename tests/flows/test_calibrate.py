from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from orepass.flows.calibrate import main
from orepass.tasks.bitext.costs import Rates, load_rates


def test_rates_are_measured_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "rates.json"
    monkeypatch.setattr(sys, "argv", ["calibrate.py", "--output", str(file), "--rows", "4096"])
    main()
    said = capfd.readouterr().out
    monkeypatch.setenv("OREPASS_RATES", str(file))
    measured, defaults = asdict(load_rates()), asdict(Rates())
    assert all(rate > 0 for rate in measured.values())
    assert measured["disk"] == defaults["disk"]
    for name in ("float32", "select", "train", "scan_codes", "visits"):
        assert measured[name] != defaults[name]
        assert f"{name}: " in said
    assert f"Rates: {file}" in said


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["--rows", "3"], 2)])
def test_words_of_the_command_line(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["calibrate.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    captured = capfd.readouterr()
    assert "--output" in captured.out if code == 0 else "give 4096 or more" in captured.err
