from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orepass.errors import ConfigError, InputError
from orepass.tasks.text.lines import read_lines
from orepass.tasks.text.prepared import check_types, columns_at
from orepass.tasks.text.read_text import ReadTextConfig, TextFile, read_text
from orepass.tasks.text.tables import Columns, guess_format

from .conftest import content

TEXTS = ["one\u2028line", "", "čćž 漢字 🙂", "a\tb", *(f"sentence {number}" for number in range(30))]
IDS = [f"s{number}" for number in range(len(TEXTS))]
NAMED = Columns("text", "key", ("year",))


def write(folder: Path, kind: str) -> tuple[TextFile, Columns]:
    """The same sentences in one of the formats, with ids and years."""
    path = folder / f"corpus.{kind}"
    fields = zip(IDS, TEXTS, strict=True)
    match kind:
        case "tsv" | "numbered.tsv":
            header = "key\ttext\tyear\n" * (kind == "tsv")
            path.write_text(header + "".join(f"{key}\t{text.replace(chr(9), ' ')}\t2024\n" for key, text in fields))
        case "jsonl.gz":
            lines = (orjson.dumps({"key": key, "text": text or None, "year": "2024"}) + b"\n" for key, text in fields)
            path.write_bytes(gzip.compress(b"".join(lines)))
        case _:
            texts = [text or None for text in TEXTS]
            pq.write_table(pa.table({"text": texts, "key": IDS, "year": ["2024"] * len(IDS)}), path, row_group_size=7)
    return TextFile(path, guess_format(path)), Columns(2, 1, (3,)) if kind == "numbered.tsv" else NAMED


@pytest.mark.parametrize("kind", ["tsv", "numbered.tsv", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("shard_lines", [None, 1, 8, 1000])
def test_every_format_in_shards_of_any_size_gives_the_same(tmp_path: Path, kind: str, shard_lines: int | None) -> None:
    file, columns = write(tmp_path, kind)
    parts = read_text(ReadTextConfig(columns, shard_lines), file)
    size = shard_lines or len(TEXTS)
    assert [part.lines for part in parts] == [min(size, len(TEXTS) - at) for at in range(0, len(TEXTS), size)]
    lines, rows, carried = content(*parts)
    assert lines == ["one line", "", "čćž 漢字 🙂", "a b", *TEXTS[4:]]
    assert rows == list(range(len(TEXTS)))
    assert carried == {"id": IDS, "3" if kind == "numbered.tsv" else "year": ["2024"] * len(IDS)}
    assert [line for part in parts for line in read_lines(part.text)] == lines
    assert all(np.load(part.rows).dtype == np.int64 for part in parts)


def test_lines_have_no_columns(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a\tb\r\nc\x0bd\n")
    (part,) = read_text(ReadTextConfig(), TextFile(tmp_path / "text"))
    assert content(part) == (["a b", "c d"], [0, 1], {})
    assert part.columns is None


def test_parquet_keeps_types_and_json_is_carried_as_json(tmp_path: Path) -> None:
    path = tmp_path / "some"
    pq.write_table(pa.table({"t": ["x"], "when": [2024], "tags": [["a", "b"]]}), path)
    (part,) = read_text(ReadTextConfig(Columns("t", None, ("when", "tags"))), TextFile(path, "parquet"))
    assert content(part)[2] == {"when": [2024], "tags": [["a", "b"]]}
    pq.write_table(pa.table({"t": pa.array(["x", "y", "x"]).dictionary_encode()}), path)
    (part,) = read_text(ReadTextConfig(Columns("t")), TextFile(path, "parquet"))
    assert content(part)[0] == ["x", "y", "x"]
    path.write_text('{"t": "x", "tags": ["a", 1]}\n{"t": "y"}\n')
    (part,) = read_text(ReadTextConfig(Columns("t", None, ("tags",))), TextFile(path, "jsonl"))
    assert content(part)[2] == {"tags": ['["a",1]', None]}


def test_parquet_types_that_differ_in_their_encoding_only_are_made_one(tmp_path: Path) -> None:
    text, tags = pa.array(["x", "y", "x"]), pa.array([["a"], None, ["b", "a"]])
    coded = pa.ListArray.from_arrays([0, 1, 1, 3], pa.array(["a", "b", "a"]).dictionary_encode())
    large, view = text.cast(pa.large_string()), text.cast(pa.string_view())
    kinds = [
        (text, tags),
        (text.dictionary_encode(), coded),
        (large, tags),
        (view, tags),
        (large.dictionary_encode(), coded),
    ]
    found = []
    for number, (year, tag) in enumerate(kinds):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"t": text, "year": year, "tags": tag}), path)
        found += read_text(ReadTextConfig(Columns("t", None, ("year", "tags"))), TextFile(path, "parquet"))
    carried = columns_at([part.columns for part in found if part.columns], np.array([14, 0, 14, 4]))
    assert carried.schema.types == [pa.large_string(), pa.large_list(pa.large_string())]  # none overflows at 2 GiB
    assert carried["year"].to_pylist() == ["x", "x", "x", "y"]
    assert carried["tags"].to_pylist()[:3] == [["b", "a"], ["a"], ["b", "a"]]


def test_types_that_do_not_go_together_name_the_file(tmp_path: Path) -> None:
    parts = {}
    for name, year in (("a", 1), ("b", 2.5), ("c", None), ("d", "1")):
        path = tmp_path / name
        pq.write_table(pa.table({"t": ["x"], "year": [year]}), path)
        (parts[path],) = read_text(ReadTextConfig(Columns("t", None, ("year",))), TextFile(path, "parquet"))
    check_types(list(parts.items())[:3])
    with pytest.raises(InputError, match=r"The metadata of '.*/d' do not go .*year.*double vs large_string. Give"):
        check_types(parts.items())


@pytest.mark.parametrize(
    "value",
    [
        "7", "-3", "1.50", "1E5", "0.1000000000000000055511151231257827", "12345678901234567890123", "true",
        '[1.0,{"a":12345678901234567890123},null,"č"]', '{"a":{"b":1.10}}',
    ],
)  # fmt: skip
def test_json_values_are_carried_as_they_are_written(tmp_path: Path, value: str) -> None:
    (tmp_path / "file").write_text(f'{{"text": "x", "id": {value}, "other": "\\u0061"}}\n')
    (part,) = read_text(ReadTextConfig(Columns("text", "id", ("other",))), TextFile(tmp_path / "file", "jsonl"))
    assert content(part)[2] == {"id": [value], "other": ["a"]}


def test_json_without_an_optional_column_is_null_there_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text('{"text": "a", "idd": 1}\n{"text": "b", "year": 2}\n' * 50_000)
    (part,) = read_text(ReadTextConfig(Columns("text", "id", ("year",))), TextFile(tmp_path / "file", "jsonl"))
    assert content(part)[2] == {"id": [None] * 100_000, "year": [None, "2"] * 50_000}
    (warning,) = caplog.messages
    assert "file': no object has 'id', so it is null throughout. Did you mean 'idd'? Valid: idd, text, year." in warning


def test_blank_lines_of_json_keep_their_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text('{"text": "a", "id": "1"}\n\n \t\r\n{"text": "b", "id": "2"}\n\n')
    (part,) = read_text(ReadTextConfig(Columns("text", "id")), TextFile(tmp_path / "file", "jsonl"))
    assert content(part) == (["a", "", "", "b", ""], [0, 1, 2, 3, 4], {"id": ["1", None, None, "2", None]})
    assert not caplog.messages


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.tsv", "tsv"), ("a.tsv.xz", "tsv"), ("a.jsonl", "jsonl"), ("a.ndjson.zst", "jsonl"),
        ("a.parquet", "parquet"), ("a.txt", "lines"), ("a.en", "lines"), ("a.en.gz", "lines"), ("tsv", "lines"),
    ],
)  # fmt: skip
def test_format_by_name(name: str, told: str) -> None:
    assert guess_format(Path("folder.tsv") / name) == told


@pytest.mark.parametrize(
    ("kind", "data", "columns", "message"),
    [
        ("tsv", b"key\ttext\na\tb\n", Columns("txt"), r"file' has no column 'txt'. Did you mean 'text'\?"),
        ("tsv", b"a\tb\n", Columns(3), r"file' has no column 3. Valid: 1, 2"),
        ("tsv", b"a\tb\n", Columns(0), r"file' has no column 0"),
        ("tsv", b"a\tb\n\na\tb\n", Columns(1), r"file', line 2: 1 fields, but 2 in the first line"),
        ("tsv", b"text\tb\na\tb\tc\n", Columns("text"), r"file', line 2: 3 fields, but 2"),
        ("tsv", b"text\tb\n", Columns("text"), "a header and nothing else"),
        ("jsonl", b'{"text": "a"}\n{"text: \n', Columns("text"), r"file', line 2: not JSON \(.*\)"),
        ("jsonl", b'["a"]\n', Columns("text"), r"file', line 1: JSON, but not an object"),
        ("jsonl", b'{"text": "a"}\n{"txt": "b"}\n', Columns("text"), r"line 2: no 'text' in the object. Did you"),
        ("jsonl", b'{"text": 7}\n', Columns("text"), r"line 1: 'text' is 7, not a string"),
        ("jsonl", b"", Columns("text"), r"file' is empty"),
        ("parquet", b"PAR1 and no more", Columns("text"), r"file' is no parquet file, or a corrupt one: .* Make"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(tmp_path: Path, kind: str, data: bytes, columns: Columns, message: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_text(ReadTextConfig(columns), TextFile(tmp_path / "file", kind))


def test_parquet_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    pq.write_table(pa.table({"text": [f"sentence {number * 7919}" for number in range(5000)], "n": range(5000)}), path)

    def read(text: str, file: Path = path) -> Any:
        return read_text(ReadTextConfig(Columns(text)), TextFile(file, "parquet"))

    with pytest.raises(InputError, match=r"no column 'tex'. Did you mean 'text'\? Valid: n, text"):
        read("tex")
    with pytest.raises(InputError, match=r"the column 'n' is of type int64. Name one of strings"):
        read("n")
    with pytest.raises(InputError, match=r"No parquet file at .*nowhere"):
        read("text", tmp_path / "nowhere")
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(2000) + whole[2040:])
    with pytest.raises(InputError, match="file' is no parquet file, or a corrupt one"):
        read("text")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(InputError, match="is empty"):
        read("text")


@pytest.mark.parametrize(
    ("config", "file", "message"),
    [
        (ReadTextConfig(), TextFile(Path("a.tsv"), "tsv"), "'a.tsv' is read as tsv: text= has to name a column"),
        (ReadTextConfig(NAMED), TextFile(Path("a")), "'a' is read as lines: there are no columns, but text= names one"),
        (ReadTextConfig(shard_lines=0), TextFile(Path("a")), "shard_lines=0 is too small"),
        (ReadTextConfig(Columns("a", 2)), TextFile(Path("a"), "tsv"), "by name and by number"),
    ],
)
def test_options_that_do_not_fit(config: ReadTextConfig, file: TextFile, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_text(config, file)


def test_names_with_a_meaning_are_refused_for_metadata() -> None:
    with pytest.raises(ConfigError, match=r"metadata names 'id', which is taken. Set id=id"):
        Columns("text", None, ("id",))
