from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from orepass.config import load
from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.train_index import TrainIndexConfig, train_index

LOG = "orepass.tasks.bitext.train_index"


@pytest.fixture
def files(save: Any) -> tuple[Path, ...]:
    rows = np.random.default_rng(0).standard_normal((700, 16)).astype(np.float32)
    rows[10:20] = 0
    return tuple(save("x", rows, 3))


def test_flat_needs_no_training(files: tuple[Path, ...], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOG):
        index = faiss.read_index(str(train_index(TrainIndexConfig("bn", files))))
    assert (index.is_trained, index.ntotal, index.d) == (True, 0, 16)
    assert index.metric_type == faiss.METRIC_INNER_PRODUCT
    assert "lang=bn, sents=700, required=0, index type=Flat" in caplog.text


def test_training_does_not_depend_on_shards(save: Any, files: tuple[Path, ...]) -> None:
    whole = tuple(save("whole", np.concatenate([np.load(path) for path in files])))
    config = TrainIndexConfig("bn", files, "IVF8,Flat")
    assert train_index(config).read_bytes() == train_index(replace(config, embedding_file=whole)).read_bytes()


def test_training_rows_are_chosen_or_given(files: tuple[Path, ...]) -> None:
    some, other = (train_index(TrainIndexConfig("bn", files, "IVF8,Flat", train_rows=rows)) for rows in (100, 200))
    chosen, more = (train_index(TrainIndexConfig("bn", files, "IVF8,Flat", train_rows=rows)) for rows in (None, 700))
    assert some.read_bytes() != other.read_bytes()
    assert chosen.read_bytes() == more.read_bytes()
    with pytest.raises(ConfigError, match="train_rows=0 must be at least 1"):
        train_index(TrainIndexConfig("bn", files, train_rows=0))


def test_no_polysemous_code_is_trained(files: tuple[Path, ...]) -> None:
    # With it, this takes half a minute.
    assert train_index(TrainIndexConfig("bn", files, "IVF2,PQ4")).is_file()


def test_same_keys_as_in_a_file(files: tuple[Path, ...]) -> None:
    config = load(
        TrainIndexConfig,
        {
            "lang": "demo",
            "embedding_file": [str(path) for path in files],
            "index_type": "Flat",
            "data": {"bname": "demo", "iteration": 0},
            "output_dir": "ts.index.iteration_0",
            "num_cpu": 40,
            "use_gpu": True,
            "embedding_dimensions": 16,
            "fp16": True,
        },
    )
    assert config.embedding_file == files
    assert train_index(config).is_file()


@pytest.mark.parametrize("index_type", ["Flatt", "IVF16,PQ7", ""])
def test_type_that_faiss_refuses(files: tuple[Path, ...], index_type: str) -> None:
    with pytest.raises(
        ConfigError, match=f"FAISS refuses index_type='{index_type}' for rows of width 16: .*'IVF1024,Flat'"
    ):
        train_index(TrainIndexConfig("bn", files, index_type))


def test_too_few_rows_to_train(files: tuple[Path, ...]) -> None:
    with pytest.raises(
        InputError, match=r"cannot be trained on the 690 rows .* of 'bn': .*\(690\).*\(1024\)\. Give more"
    ):
        train_index(TrainIndexConfig("bn", files, "IVF1024,Flat"))


def test_gpu_that_is_not_there(files: tuple[Path, ...], caplog: pytest.LogCaptureFixture) -> None:
    if faiss.get_num_gpus():
        pytest.skip("this FAISS sees a GPU")
    with caplog.at_level(logging.INFO, LOG):
        train_index(TrainIndexConfig("bn", files, "IVF8,Flat", use_gpu=True))
    assert "this FAISS sees no GPU: training on 1 CPUs" in caplog.text


def test_a_gpu_is_asked_for_by_the_configuration_alone(files: tuple[Path, ...]) -> None:
    for use_gpu in (False, True):
        needs = train_index.requirements(TrainIndexConfig("bn", files, use_gpu=use_gpu, num_cpu=3, mem_gb=7))
        assert (needs.gpus, needs.cpus, needs.mem_gb) == (int(use_gpu), 3, 7)


def test_key_leaves_out_names_and_speed(files: tuple[Path, ...]) -> None:
    config = TrainIndexConfig("bn", files)
    key = train_index.config_for_key(config)
    assert train_index.config_for_key(replace(config, lang="hi", output_dir="x", num_cpu=9, mem_gb=9)) == key
    assert train_index.config_for_key(replace(config, index_type="IVF8,Flat")) != key
