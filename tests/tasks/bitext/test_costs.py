from __future__ import annotations

from pathlib import Path

import pytest

from orepass.errors import ConfigError
from orepass.tasks.bitext.costs import Rates, load_rates, rates_file, save_rates


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "deep" / "rates.json"
    monkeypatch.setenv("OREPASS_RATES", str(path))
    return path


def test_defaults_until_measured(file: Path) -> None:
    assert load_rates() == Rates()
    measured = Rates(float32=1e9, visits=3.5)
    save_rates(measured, rates_file())
    assert load_rates() == measured
    assert rates_file() == file


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "Expecting"), ('{"floot32": 1}', "float32"), ('{"select": 0}', "select=0"), ('{"train": "x"}', "train")],
)
def test_file_that_cannot_be_used(file: Path, content: str, said: str) -> None:
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(ConfigError, match=said) as raised:
        load_rates()
    assert str(file) in str(raised.value) and "python flows/calibrate.py" in str(raised.value)
