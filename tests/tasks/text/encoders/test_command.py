"""Commands as encoders, on the real local scheduler."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from orepass.canonical import canonical
from orepass.config import load
from orepass.digest import digest_path
from orepass.errors import AppError, ConfigError, InputError
from orepass.tasks.apps.command import CommandOptions
from orepass.tasks.bitext.embed_text import EmbedConfig, TextShard, embed_text
from orepass.tasks.text.encoders import Encoder, EncoderConfig, FileEncoder, encoder_weights, load_encoder

LENGTHS = """
import sys, struct
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(struct.pack("<3f", len(line) - 1, line.count(b" "), 0))
"""
LINES = ["one two", "", "three", "a\u2028b c"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{line}\n" for line in LINES))
    return path


def python(script: str, *words: str, dim: int = 3) -> EncoderConfig:
    return EncoderConfig("command", command=(sys.executable, "-c", script, *words), dim=dim)


def embed(config: EncoderConfig, text: Path) -> bytes:
    return embed_text(EmbedConfig("xx", config), TextShard(text)).embeddings.read_bytes()


def test_a_command_gives_what_precomputed_rows_of_the_same_values_give(text: Path, tmp_path: Path) -> None:
    rows = np.array([[7, 1, 0], [0, 0, 0], [5, 0, 0], [5, 2, 0]], np.float32)
    np.save(tmp_path / "rows.npy", rows)
    expected = embed_text(EmbedConfig("xx"), TextShard(text, tmp_path / "rows.npy"))
    found = embed_text(EmbedConfig("xx", python(LENGTHS), batch_size=3), TextShard(text))
    assert found.embeddings.read_bytes() == expected.embeddings.read_bytes()
    assert [path.name for path in found.embeddings.parent.iterdir()] == ["embeddings.npy"]
    save = "import numpy, shutil, sys; numpy.save(sys.argv[2], numpy.load(sys.argv[1]).astype(sys.argv[3]))"
    half = python(save, str(tmp_path / "rows.npy"), "{output}", "float16")
    assert embed(half, text) == expected.embeddings.read_bytes()


def test_it_is_an_encoder(text: Path) -> None:
    encoder = load_encoder(python(LENGTHS), "xx")
    assert isinstance(encoder, Encoder) and isinstance(encoder, FileEncoder)
    rows = encoder.encode(["ab c", "", "\ud800\n"])
    np.testing.assert_allclose(rows, np.array([[4, 1, 0], [0, 0, 0], [2, 1, 0]]) / [[17**0.5], [1], [5**0.5]], 1e-6)
    assert encoder.encode([]).shape == (0, 3)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (LENGTHS.replace("<3f", "<3d"), r"wrote 96 bytes, which are 8 rows of dim=3 float32 values, for 4 sentences"),
        (f"print('hello')\n{LENGTHS}", r"wrote 54 bytes, .* and that nothing else goes to stdout"),
        (LENGTHS.replace("0)", "float('nan') if len(line) == 6 else 0)"), "wrote NaN or infinity for line 3"),
        ("pass", "wrote 0 bytes"),
        ("import numpy, sys; numpy.save(sys.stdout.buffer, numpy.ones((4, 3)))", "an array of float64. .* float32"),
        ("import numpy, sys; numpy.save(sys.stdout.buffer, numpy.ones((3, 3), 'f4'))", r"an array of shape \(3, 3\)"),
        ("import sys; sys.stdout.buffer.write(b'\\x93NUMPY')", "a .npy file that is not whole"),
    ],
)
def test_what_is_not_a_row_for_each_is_refused(text: Path, script: str, problem: str) -> None:
    script = f"import sys; sys.stderr.write('loaded\\n')\n{script}"
    with pytest.raises(InputError, match=problem) as refused:
        embed(python(script), text)
    assert str(text) in str(refused.value) and str(refused.value).endswith("loaded")


def test_a_command_that_writes_no_file_or_fails(text: Path) -> None:
    with pytest.raises(InputError, match=r"wrote no file at \{output\}"):
        embed(EncoderConfig("command", command=("true", "{output}"), dim=2), text)
    with pytest.raises(AppError, match="The command `false`, given "):
        embed(EncoderConfig("command", command=("false",), dim=2), text)


def test_what_stands_in_the_key(tmp_path: Path) -> None:
    (tmp_path / "encode.py").write_text("one")
    app = CommandOptions(image=str(tmp_path))

    def key(lang: str = "xx", dim: int = 2, *words: str) -> object:
        config = EncoderConfig("command", command=("python", "encode.py", *words), dim=dim, app=app)
        return canonical(encoder_weights(config, lang), digest_path)

    before = key()
    assert key("yy") == before and key(dim=3) != before
    assert key("xx", 2, "{lang}") != key("yy", 2, "{lang}")
    (tmp_path / "encode.py").write_text("two")
    assert key() != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "command", "dim": 3}, r"needs command=\[the words of a command\] and dim="),
        ({"name": "command", "command": ["cat"]}, "and dim="),
        ({"name": "command", "command": "cat -v", "dim": 3}, r"'cat -v' is one text. .* as a list: \['cat', '-v'\]"),
        ({"name": "command", "command": ["head", 3], "dim": 3}, "the word 3 is no text. Put it in quotes: '3'"),
        ({"name": "command", "command": ["cat"], "dim": 0}, "dim=0 is too small"),
        ({"name": "command", "command": ["cat"], "dim": 3, "model": "x"}, "takes no model"),
        ({"name": "command", "command": ["cat"], "dim": 3, "num_cpu": 2}, "takes no num_cpu. .* in app"),
        ({"name": "bundled", "command": ["cat"]}, "options of the encoder 'command', not of 'bundled'"),
        ({"name": "command", "command": ["cat"], "dim": 3, "app": {"file": []}}, r"'file'.*Did you mean 'files'"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(EncoderConfig, options)
