from __future__ import annotations

import gzip
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.margin import PAIR
from orepass.tasks.bitext.write_pairs import Example, SideText, WritePairsConfig, write_pairs


@pytest.fixture
def config(tmp_path: Path) -> WritePairsConfig:
    """Three mined pairs and a candidate below them; two shards of sources, with an id and a number each."""
    (tmp_path / "src 1.txt").write_bytes("zero\r\none\tcell\u2028two\n".encode())
    (tmp_path / "src 2.txt").write_bytes(b'lone\rreturn\n"quoted" & <b>\x01')
    (tmp_path / "tgt.txt").write_bytes("a\n\x0bb\x85\n漢字\n".encode())
    pq.write_table(pa.table({"id": ["s0", "s1"], "year": [2020, 2021]}), tmp_path / "src 1.parquet")
    pq.write_table(pa.table({"id": ["s2", None], "year": [None, 2023]}), tmp_path / "src 2.parquet")
    candidates = [(1, 1, 1.1, 3), (3, 0, 1.0625, 1), (2, 1, 1.0, 2), (0, 2, 0.5, 3)]
    np.save(tmp_path / "candidates.npy", np.array(candidates, PAIR))
    src = SideText(
        "en",
        (tmp_path / "src 1.txt", tmp_path / "src 2.txt"),
        (tmp_path / "src 1.parquet", tmp_path / "src 2.parquet"),
    )
    return WritePairsConfig(tmp_path / "candidates.npy", 3, src, SideText("zh", (tmp_path / "tgt.txt",)))


def plain(config: WritePairsConfig) -> WritePairsConfig:
    return replace(config, src=replace(config.src, columns=()))


def test_separators_inside_sentences_become_spaces(config: WritePairsConfig) -> None:
    written = write_pairs(plain(config))
    (path,) = written.files
    assert path.name == "pairs.tsv"
    assert path.read_bytes() == (
        b"1.1\tone cell two\t b \tboth\n"
        b'1.0625\t"quoted" & <b>\x01\ta\tforward\n'
        b"1.0\tlone return\t b \tbackward\n"
    )  # fmt: skip
    assert written.columns == ("score", "source", "target", "direction")
    assert written.above == written.sample
    assert written.below == (Example(0.5, "zero", "漢字"),)


def test_ids_and_metadata_follow_their_sentences(config: WritePairsConfig) -> None:
    formats = ("tsv.gz", "parquet", "tsv.zst")
    written = write_pairs(replace(config, formats=formats))
    packed, parquet, zst = written.files
    lines = gzip.decompress(packed.read_bytes()).decode().splitlines()
    assert [line.split("\t")[4:] for line in lines] == [["s1", "2021"], ["", "2023"], ["s2", ""]]
    assert zstandard.ZstdDecompressor().stream_reader(zst.read_bytes()).read().decode().splitlines() == lines
    assert written.columns == ("score", "source", "target", "direction", "src_id", "src_year")
    assert pq.read_table(parquet).to_pylist()[1] == {
        "score": 1.0625, "source": '"quoted" & <b>\x01', "target": "a", "direction": "forward",
        "src_id": None, "src_year": 2023,
    }  # fmt: skip


def test_moses_and_tmx(config: WritePairsConfig) -> None:
    src, tgt, scores, tmx = write_pairs(replace(config, formats=("moses", "tmx"))).files
    assert [path.name for path in (src, tgt, scores, tmx)] == ["pairs.en", "pairs.zh", "pairs.scores", "pairs.tmx"]
    assert src.read_text().splitlines()[::2] == ["one cell two", "lone return"]
    assert tgt.read_text() == " b \na\n b \n"
    assert scores.read_text() == "1.1\n1.0625\n1.0\n"
    root = ET.parse(tmx).getroot()
    assert (root.tag, root.get("version"), root.find("header").get("srclang")) == ("tmx", "1.4", "en")  # type: ignore[union-attr]
    units = root.findall("body/tu")
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    assert [variant.get(lang) for variant in units[1].findall("tuv")] == ["en", "zh"]
    assert [seg.text for seg in units[1].findall("tuv/seg")] == ['"quoted" & <b>\ufffd', "a"]
    properties = [(prop.get("type"), prop.text) for prop in units[0].iter("prop")]
    assert properties == [("score", "1.1"), ("direction", "both"), ("id", "s1"), ("year", "2021")]


def test_nothing_mined(config: WritePairsConfig) -> None:
    written = write_pairs(replace(config, count=0, formats=("tsv", "parquet", "tmx")))
    tsv, parquet, tmx = written.files
    assert tsv.read_bytes() == b""
    assert pq.read_table(parquet).column_names == list(written.columns)
    assert ET.parse(tmx).find("body") is not None
    assert written.above == written.sample == ()
    assert [example.score for example in written.below] == pytest.approx([1.1, 1.0625, 1.0, 0.5])


def test_nested_metadata_are_json(config: WritePairsConfig) -> None:
    for path in config.src.columns:
        pq.write_table(pa.table({"tags": [["a", "1"], ["b\t", "2"]]}, pa.schema({"tags": pa.list_(pa.string())})), path)
    tsv, tmx = write_pairs(replace(config, formats=("tsv", "tmx"))).files
    assert tsv.read_text().splitlines()[2].endswith('\tbackward\t["a","1"]')
    assert [prop.text for prop in ET.parse(tmx).iter("prop")][2] == '["b\\t","2"]'


def test_text_shorter_than_the_embeddings_is_an_error(config: WritePairsConfig) -> None:
    np.save(config.candidates, np.array([(0, 7, 1.1, 3)], PAIR))
    with pytest.raises(InputError, match="Row 7 was asked for, but there are only 3 lines in"):
        write_pairs(config)


def test_metadata_of_different_types(config: WritePairsConfig) -> None:
    pq.write_table(pa.table({"id": ["s2", None], "year": ["?", "?"]}), config.src.columns[1])
    with pytest.raises(InputError, match=r"metadata columns of the shards do not go together: .*year"):
        write_pairs(config)


def test_options_that_do_not_fit(config: WritePairsConfig) -> None:
    with pytest.raises(ConfigError, match=r"output_format='tvs' is unknown. Did you mean 'tsv'\? Valid: moses"):
        write_pairs(replace(config, formats=("tvs",)))
    with pytest.raises(ConfigError, match="Both languages are called 'en'"):
        write_pairs(replace(config, tgt=replace(config.tgt, lang="en"), formats=("moses",)))
