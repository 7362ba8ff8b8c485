from __future__ import annotations

import random
from pathlib import Path

import pytest

from orepass import Store
from orepass.blocks.launchers import DebugLauncher
from orepass.errors import InputError
from orepass.flows.train_encoder import TrainEncoderConfig, train_encoder
from orepass.tasks.text.encoders import EncoderConfig, load_encoder, recommended_threshold

flow = train_encoder.with_options(task_runner=DebugLauncher().task_runner())


def unpack(folder: Path, messages: int, seed: int) -> None:
    rng = random.Random(seed)
    words = {f"{one}{two}": f"{two}{one}o" for one in ("zor", "bam", "kel", "vut") for two in ("na", "pi", "lu", "se")}
    entries = ['msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n']
    for _ in range(messages):
        message = rng.choices(sorted(words), k=6)
        entries.append(f'msgid "{" ".join(message)}"\nmsgstr "{" ".join(words[word] for word in message)}"\n')
    path = folder / "usr" / "share" / "locale" / "fr" / "LC_MESSAGES" / "x.po"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(entries), encoding="utf-8")


async def test_makes_an_encoder_out_of_packages(api: str, store: Store, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason='training needs torch: pip install "orepass[train]"')
    unpack(tmp_path / "packages" / "trained_1", 300, seed=1)
    unpack(tmp_path / "packages" / "held_1", 150, seed=2)
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
