from __future__ import annotations

import pytest

from orepass.flows._arguments import for_hydra


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ("index_type=OPQ64,IVF1024,PQ64", "++index_type='OPQ64,IVF1024,PQ64'"),
        ("train_index.index_type=PCA8,Flat", "++train_index.index_type='PCA8,Flat'"),
        ("index_type='OPQ64,PQ64'", "++index_type='OPQ64,PQ64'"),
        ("embedding_files=[a.bin,b.bin]", "++embedding_files=[a.bin,b.bin]"),
        ("k=4", "++k=4"),
        ("+k=4", "+k=4"),
        ("~k=4", "~k=4"),
        ("launcher=debug", "launcher=debug"),
        ("launcher.cpus=2", "++launcher.cpus=2"),
        ("+data=ccg", "+data=ccg"),
        ("data={name: x, shards: y}", "++data={name: x, shards: y}"),
        ("hydra.run.dir=x", "hydra.run.dir=x"),
        ("--config-dir=a,b", "--config-dir=a,b"),
        ("--help", "--help"),
        ("plain", "plain"),
    ],
)
def test_arguments(given: str, changed: str) -> None:
    assert for_hydra([given]) == [changed]


def test_commas_of_a_sweep_stay() -> None:
    assert for_hydra(["-m", "k=4,5"]) == ["-m", "++k=4,5"]
