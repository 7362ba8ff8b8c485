from __future__ import annotations

from pathlib import Path

import pytest
from catalogs_of_tests import write_catalog

from orepass import Store
from orepass.blocks.launchers import DebugLauncher
from orepass.errors import InputError
from orepass.flows.train_encoder import TrainEncoderConfig, train_encoder
from orepass.tasks.text.encoders import EncoderConfig, load_encoder, recommended_threshold

flow = train_encoder.with_options(task_runner=DebugLauncher().task_runner())


async def test_makes_an_encoder_out_of_packages(api: str, store: Store, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason='training needs torch: pip install "orepass[train]"')
    write_catalog(tmp_path / "packages" / "trained_1", 300, seed=1)
    write_catalog(tmp_path / "packages" / "held_1", 150, seed=2)
    (tmp_path / "packages" / "without-catalogs_1").mkdir()
    options = {"ngrams": 200, "dim": 16, "batch": 50, "epochs": 4}
    out = tmp_path / "out"
    config = TrainEncoderConfig(tmp_path / "packages", ("fr",), ("held_*",), (), options, str(out))
    assert await flow(config) == out
    names = {"keys.npy", "scales.npy", "codes.npy", "card.json", "sources.tsv"}
    assert {path.name for path in out.iterdir()} == names
    made = EncoderConfig("hashed", out)
    assert load_encoder(made, "fr").encode(["zorna bampi"]).any()
    assert recommended_threshold(made, "en", "fr") is not None
    sources = (out / "sources.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in sources[1:]] == [["held_1", "held out"], ["trained_1", "training"]]
    before = (out / "codes.npy").read_bytes()
    assert await flow(config) == out  # this time out of the store
    assert (out / "codes.npy").read_bytes() == before


async def test_no_packages(api: str, store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No packages in"):
        await flow(TrainEncoderConfig(tmp_path / "nowhere", ("fr",), ("held_*",), ()))
