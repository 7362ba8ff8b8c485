from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from command_of_tests import orepass

from orepass import Store
from orepass.deployments.work_pools import create_pool
from orepass.runner import get_runner


@pytest.fixture(autouse=True)
def place(apps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "write.py").write_text(
        "import os, pathlib, sys\npathlib.Path(sys.argv[4], 'here').write_text(sys.argv[2] + os.environ['PRICE'])"
    )
    (tmp_path / "write.yaml").write_text("!Script {script: write.py, kwargs: {k: $it}, output_dir_arg: out}")
    (tmp_path / "cluster.yaml").write_text("{scheduler: local, run: [launcher=debug], env: {PRICE: $5}}")
    return tmp_path


def submit(*words: str) -> int:
    return orepass("submit", "--cluster", "cluster.yaml", *words)


def test_a_run_is_sent_away(place: Path, api: str, store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    assert submit("write.yaml", "output_dir=$out") == 0
    handle = capfd.readouterr().out.strip()
    assert handle.startswith("local://orepass/write-")
    status = get_runner().wait(handle)
    assert status is not None
    status.raise_for_status()
    assert (place / "$out" / "here").read_text() == "$it$5"


def test_a_run_waits_in_a_work_pool(place: Path, api: str, store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    asyncio.run(create_pool("tests-submit", "process"))
    (place / "cluster.yaml").write_text("{scheduler: prefect, options: {work_pool: tests-submit}, run: [server=auto]}")
    assert submit("write.yaml", "output_dir=$out") == 0
    handle = capfd.readouterr().out.strip()
    assert handle.startswith("prefect://orepass/write-")
    (driver,) = get_runner().describe(handle).roles  # type: ignore[union-attr]
    assert driver.args == ["run", "write.yaml", "server=auto", "output_dir=$$out"]
    assert (driver.image, driver.env) == (str(place), {"OREPASS_STORE": str(store.root)})
    assert orepass("app", "cancel", handle) == 0
    assert capfd.readouterr().err == f"{handle}: CANCELLED\n"


def test_gpus_are_counted_where_the_run_will_be(
    place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    words = ("write.yaml", "requires.gpus=1", "--dry-run")
    assert submit(*words) == 2
    assert "A run needs 1 GPU(s), and launcher=debug has 0 to give" in capfd.readouterr().err
    (place / "cluster.yaml").write_text("{scheduler: slurm, driver: {gpu: 1}}")
    assert submit(*words) == 0


@pytest.mark.parametrize(
    ("cluster", "words", "said"),
    [
        ("schduler: local", ["write.yaml"], "No option 'schduler' in Cluster. Did you mean 'scheduler'?"),
        ("[slurm]", ["write.yaml"], "is no mapping"),
        ("scheduler: locale", ["write.yaml"], "No scheduler 'locale'. Did you mean 'local'?"),
        ("{scheduler: local, options: {foldr: x}}", ["write.yaml"], "Did you mean 'folder'?"),
        ("{scheduler: prefect, options: {work_pol: x}}", ["write.yaml"], "Did you mean 'work_pool'?"),
        ("scheduler: local", ["write.yaml", "train"], "no modules to name"),
        ("scheduler: local", ["nowhere.yaml"], "There is no file 'nowhere.yaml'"),
        ("scheduler: local", ["bad.yaml"], "Did you mean 'Script'?"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_submitted(
    place: Path, cluster: str, words: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (place / "cluster.yaml").write_text(cluster)
    (place / "bad.yaml").write_text("!Scirpt {}")
    assert submit(*words) == 2
    assert said in capfd.readouterr().err
    assert not (place / "apps").exists()
