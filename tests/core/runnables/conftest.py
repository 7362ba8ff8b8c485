from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orepass.runnables.names import own_names

_PARTS = '''"""What the documents of these tests build."""

import os
from pathlib import PurePath

order = []


class Model:
    def __init__(self, size=1, encoder=None, layers=()):
        order.append("Model")
        self.size, self.encoder, self.layers = size, encoder, layers

    class Head:
        def __init__(self, width):
            self.width = width

    @classmethod
    def of_size(cls, size):
        return cls(size)


class Encoder:
    def __init__(self, dim, *, dropout=0.0):
        if dim < 0:
            raise ValueError("dim is negative")
        order.append("Encoder")
        self.dim, self.dropout = dim, dropout


def free(*args, **kwargs):
    return args, kwargs


number = 3
'''


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An extension `parts_ext`, with a module `sub` in it, that can be imported."""
    package = tmp_path / "extension/parts_ext"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_PARTS)
    (package / "sub.py").write_text("class Deep:\n    pass\n")
    (package / "broken.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(package.parent)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "parts_ext"]:
        del sys.modules[name]


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that registers names."""
    info = tmp_path / "site/boxes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: boxes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[orepass.runnables]\nExperiment = boxes:Experiment\nBox = boxes:Box\nGone = boxes.nowhere:Gone\n"
        "Lost = boxes:Lost\n"
    )
    (info.parent / "boxes.py").write_text(
        "class Box:\n    def __init__(self, content=None):\n        self.content = content\n"
    )
    monkeypatch.syspath_prepend(info.parent)
    own_names.cache_clear()
    yield
    own_names.cache_clear()
    sys.modules.pop("boxes", None)
