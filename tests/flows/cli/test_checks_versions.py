from __future__ import annotations

from pathlib import Path

import pytest

from orepass.flows.cli._checks_versions import check_versions


def _distribution(folder: Path, name: str, version: str, *lines: str) -> None:
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("\n".join([f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *lines, ""]))


def test_each_requirement_that_is_not_met_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _distribution(
        tmp_path, "miner", "1.0",
        "Requires-Dist: shovel>=2,<3", "Requires-Dist: lamp", "Requires-Dist: cart>=1",
        'Requires-Dist: wings; sys_platform == "none"',
        "Provides-Extra: deep", 'Requires-Dist: pump[hose]>=4; extra == "deep"',
        "Provides-Extra: old", 'Requires-Dist: shovel<2; extra == "old"',
        "Provides-Extra: all", 'Requires-Dist: Miner[deep,empty]; extra == "all"',
        "Provides-Extra: empty",
    )  # fmt: skip
    _distribution(tmp_path, "shovel", "3.1")
    _distribution(tmp_path, "cart", "2.0rc1")
    monkeypatch.syspath_prepend(tmp_path)
    found = {one.check: one for one in check_versions("miner")}
    assert (found["miner"].state, found["miner"].found.split()[0]) == ("ok", "1.0")
    assert found["requirements"].state == "trouble"
    assert found["requirements"].found == "lacks shovel<3,>=2 (here is 3.1), lamp"
    assert found["requirements"].do == "pip install 'shovel<3,>=2' lamp"
    for extra in ("deep", "all"):
        assert found[f"extra {extra}"].state == "ok"
        assert found[f"extra {extra}"].found == "not complete: lacks pump>=4"
        assert found[f"extra {extra}"].do == "pip install 'pump[hose]>=4'"
    assert (found["extra old"].state, found["extra empty"].found) == ("warning", "complete")


def test_a_package_that_is_used_without_being_installed() -> None:
    found = check_versions("no-such-package")
    assert [(one.check, one.state) for one in found] == [("Python", "ok"), ("no-such-package", "trouble")]
