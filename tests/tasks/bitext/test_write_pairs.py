from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orepass.errors import InputError
from orepass.tasks.bitext.margin import PAIR
from orepass.tasks.bitext.write_pairs import WritePairsConfig, read_gold, read_pairs, write_pairs


def test_separators_inside_sentences_become_spaces(tmp_path: Path) -> None:
    (tmp_path / "src 1.txt").write_bytes("zero\r\none\tcell\u2028two\n".encode())
    (tmp_path / "src 2.txt").write_bytes(b'lone\rreturn\n"quoted"')
    (tmp_path / "tgt.txt").write_bytes("a\n\x0bb\x85\nc\n".encode())
    np.save(tmp_path / "pairs.npy", np.array([(1, 1, 1.1), (3, 0, 1.0625), (2, 1, 1.0)], PAIR))
    src = (tmp_path / "src 1.txt", tmp_path / "src 2.txt")
    path = write_pairs(WritePairsConfig(tmp_path / "pairs.npy", src, (tmp_path / "tgt.txt",)))
    assert path.name == "pairs.tsv"
    assert path.read_bytes() == b'1.1\tone cell two\t b \n1.0625\t"quoted"\ta\n1.0\tlone return\t b \n'
    assert list(read_pairs(path))[1] == (1.0625, '"quoted"', "a")


def test_text_shorter_than_the_embeddings_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("only one\n")
    np.save(tmp_path / "pairs.npy", np.array([(0, 7, 1.1)], PAIR))
    text = (tmp_path / "text",)
    with pytest.raises(InputError, match="Row 7 was asked for, but there are only 1 lines in"):
        write_pairs(WritePairsConfig(tmp_path / "pairs.npy", text, text))


def test_pairs_and_gold_of_another_form_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "some.tsv"
    path.write_text("1.5\ta\tb\nx\ta\tb\n")
    with pytest.raises(InputError, match=r"some\.tsv', line 2: not score<TAB>source<TAB>target"):
        list(read_pairs(path))
    path.write_text("a\tb\na b\n")
    with pytest.raises(InputError, match=r"some\.tsv', line 2: 1 fields"):
        list(read_gold(path))
    path.write_text("")
    with pytest.raises(InputError, match="is empty"):
        list(read_gold(path))
    assert list(read_pairs(path)) == []
    with pytest.raises(InputError, match="No text file at"):
        list(read_pairs(tmp_path / "none"))
