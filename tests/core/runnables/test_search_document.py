from __future__ import annotations

from pathlib import Path

from orepass.runnables import Call, read_documents, to_json
from orepass.runnables.search_document import as_document


def test_what_is_written_reads_as_the_same_tree() -> None:
    text = """
!Script
script: none.py
args: [1e-5, "1e-5", null, true, "é\\n", [], {}]
kwargs:
  model: &m !datetime.timedelta [3]
  same: *m
  other: !datetime.timedelta {_args_: [1], hours: 3}
  function: !datetime.timedelta {_partial_: true}
"""
    tree = read_documents(text, ["datetime"]).root
    written = as_document(tree, {}, Path("/nowhere"))
    assert to_json(read_documents(written, ["datetime"]).root) == to_json(tree)


def test_extensions_are_declared_and_scripts_are_found_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    tree = Call("Script", {"script": "train.py", "files": ["train.py", "gone.txt"], "args": ["train.py"]})
    document = read_documents(as_document(tree, {"my_ext": "./ext"}, tmp_path))
    assert document.extensions == {"my_ext": "./ext"}
    assert to_json(document.root) == {
        "_target_": "Script",
        "script": str(tmp_path / "train.py"),
        "files": [str(tmp_path / "train.py"), "gone.txt"],
        "args": ["train.py"],
    }
