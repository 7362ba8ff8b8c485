from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from orepass import Requirements
from orepass.canonical import canonical
from orepass.digest import digest_path
from orepass.errors import ConfigError, InputError
from orepass.tasks.bitext.embed_text import EmbedConfig, TextShard, embed_text, text_shards
from orepass.tasks.text.encoders import EncoderConfig
from orepass.tasks.text.encoders.ngrams import hash_ngrams
from orepass.tasks.text.encoders.weights import pack

WORDS = [f"word{number}" for number in range(30)]
LOG = "orepass.tasks.bitext.embed_text"


@pytest.fixture
def encoder(tmp_path: Path) -> EncoderConfig:
    keys = np.unique(hash_ngrams(WORDS)[0])
    folder = tmp_path / "weights"
    folder.mkdir()
    pack(keys, np.random.default_rng(0).standard_normal((len(keys), 16)).astype(np.float32)).save(folder)
    return EncoderConfig("hashed", folder)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a b.txt"
    lines = ["word1 word2\rword3", "", "word4\u2028word5\tword6", *(f"word{i} word{i + 1}" for i in range(29))]
    path.write_bytes("\r\n".join(lines).encode())
    return path


def test_one_unit_row_a_line(encoder: EncoderConfig, text: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, LOG):
        result = embed_text(EmbedConfig("xx", encoder), TextShard(text))
    rows = np.load(result.embeddings)
    assert (result.sentences, result.dim) == rows.shape == (32, 16)
    assert rows.dtype == np.float32
    norms = np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(norms[norms > 0], 1, atol=1e-6)
    assert list(np.flatnonzero(norms == 0)) == [1]
    assert "1 of 32 sentences have a zero row: they never match" in caplog.text


def test_batches_change_no_bit(encoder: EncoderConfig, text: Path) -> None:
    whole = embed_text(EmbedConfig("xx", encoder), TextShard(text))
    small = embed_text(EmbedConfig("xx", encoder, batch_size=5), TextShard(text))
    assert whole.embeddings.read_bytes() == small.embeddings.read_bytes()


@pytest.mark.parametrize("suffix", [".npy", ".bin"])
def test_embeddings_that_come_with_the_text(text: Path, tmp_path: Path, suffix: str) -> None:
    rows = np.random.default_rng(1).standard_normal((32, 8)).astype(np.float32) * 7
    rows[4] = 0
    path = tmp_path / f"given{suffix}"
    np.save(path, rows) if suffix == ".npy" else rows.tofile(path)
    result = embed_text(EmbedConfig("xx", embedding_dimensions=8), TextShard(text, path))
    found = np.load(result.embeddings)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(found, rows / np.where(norms > 0, norms, 1), atol=1e-6)


def test_rows_of_embeddings_that_belong_to_filtered_text(text: Path, tmp_path: Path) -> None:
    given = np.random.default_rng(2).standard_normal((40, 8)).astype(np.float16)
    given.tofile(tmp_path / "given.bin")
    kept = np.delete(np.arange(40), [0, 7, 8, 9, 20, 21, 22, 39])
    np.save(tmp_path / "kept.npy", kept)
    np.save(tmp_path / "same.npy", given[kept])
    raw = EmbedConfig("xx", embedding_dimensions=8, embedding_dtype="float16", batch_size=5)
    found = embed_text(raw, TextShard(text, tmp_path / "given.bin", tmp_path / "kept.npy"))
    alone = embed_text(EmbedConfig("xx"), TextShard(text, tmp_path / "same.npy"))
    assert found.embeddings.read_bytes() == alone.embeddings.read_bytes()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.arange(31), r"int64 of shape \(31,\)\. Rows that belong to 32 lines"),
        (np.arange(32.0), "float64"),
        (np.arange(32) + 1, "rows from 1 to 32, but the embeddings have 32 rows"),
        (np.arange(32) - 1, "rows from -1 to 30"),
    ],
)
def test_rows_that_do_not_fit(text: Path, tmp_path: Path, rows: np.ndarray, said: str) -> None:
    np.save(tmp_path / "given.npy", np.eye(32, dtype=np.float32))
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(InputError, match=said):
        embed_text(EmbedConfig("xx"), TextShard(text, tmp_path / "given.npy", tmp_path / "rows.npy"))
    with pytest.raises(ConfigError, match="without embeddings"):
        embed_text(EmbedConfig("xx"), TextShard(text, rows=tmp_path / "rows.npy"))


def test_embeddings_of_another_length(text: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "short.npy", np.eye(31, dtype=np.float32))
    with pytest.raises(InputError, match=r"short\.npy' has 31 rows, but its text '.*a b\.txt' has 32 lines"):
        embed_text(EmbedConfig("xx"), TextShard(text, tmp_path / "short.npy"))


def test_embeddings_of_another_width_or_not_finite(text: Path, tmp_path: Path) -> None:
    rows = np.eye(32, dtype=np.float32)
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(InputError, match="has rows of width 32, not 64"):
        embed_text(EmbedConfig("xx", embedding_dimensions=64), TextShard(text, tmp_path / "rows.npy"))
    rows[9, 3] = np.nan
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(InputError, match=r"rows\.npy', row 9 \(from 0\): NaN or infinity"):
        embed_text(EmbedConfig("xx"), TextShard(text, tmp_path / "rows.npy"))


def test_neither_encoder_nor_embeddings(text: Path) -> None:
    with pytest.raises(ConfigError, match="No encoder, and no embeddings"):
        embed_text(EmbedConfig("xx"), TextShard(text))


def test_text_that_cannot_be_read(encoder: EncoderConfig, tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes(b"good\n\xff\n")
    with pytest.raises(InputError, match=r"latin\.txt', line 2: not UTF-8"):
        embed_text(EmbedConfig("xx", encoder), TextShard(path))
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"latin\.txt' is empty"):
        embed_text(EmbedConfig("xx", encoder), TextShard(path))


def test_key_follows_the_weights_and_not_the_batches(encoder: EncoderConfig) -> None:
    def key_of(config: EmbedConfig) -> object:
        return canonical(embed_text.config_for_key(config), digest_path)

    before = key_of(EmbedConfig("xx", encoder))
    assert key_of(EmbedConfig("xx", encoder, batch_size=1)) == before
    assert key_of(EmbedConfig("yy", encoder)) != before
    scales = Path(str(encoder.model), "scales.npy")
    np.save(scales, np.load(scales)[::-1])
    assert key_of(EmbedConfig("xx", encoder)) != before


def test_asks_the_launcher_for_what_the_encoder_may_use() -> None:
    assert embed_text.requirements(EmbedConfig("xx")) == Requirements()
    config = EncoderConfig("sentence_transformers", "a/b", device="cuda", processes=2, num_cpu=8, mem_gb=16)
    assert embed_text.requirements(EmbedConfig("xx", config)) == Requirements(cpus=8, gpus=2, mem_gb=16)
    config = EncoderConfig("sentence_transformers", "a/b", processes=2)
    assert embed_text.requirements(EmbedConfig("xx", config, timeout_min=5)).gpus == 0


def test_result_of_another_size_is_not_whole(encoder: EncoderConfig, text: Path) -> None:
    config, shard = EmbedConfig("xx", encoder), TextShard(text)
    result = embed_text(config, shard)
    assert embed_text.validate is not None
    assert embed_text.validate(result, config, shard)
    with result.embeddings.open("ab") as file:
        file.write(b"more")
    assert not embed_text.validate(result, config, shard)
    np.save(result.embeddings, np.eye(16, dtype=np.float32))
    assert not embed_text.validate(result, config, shard)


def test_as_many_embeddings_as_text() -> None:
    text = [Path("a"), Path("b")]
    assert text_shards(text) == [TextShard(Path("a")), TextShard(Path("b"))]
    assert text_shards(text, [Path("x"), Path("y")])[1] == TextShard(Path("b"), Path("y"))
    with pytest.raises(InputError, match="There are 2 text shards, the first 'a', but 1 files of embeddings"):
        text_shards(text, [Path("x")])
