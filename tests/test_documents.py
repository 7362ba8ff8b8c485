"""What README and docs show, works: Python blocks run, commands run, links lead somewhere."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PYTHON = [
    pytest.param(block, id=f"{document.name}-{number}")
    for document in DOCUMENTS
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL))
]
COMMANDS = sorted(
    {
        part.strip()
        for document in DOCUMENTS
        for text in re.findall(r"```bash\n(.*?)```|`(python flows/[^`]*)`", document.read_text(), re.DOTALL)
        for line in "".join(text).splitlines()
        for part in line.split("&&")
        if part.strip().startswith("python flows/")
    }
)


OREPASS = {
    document: [
        line
        for text in re.findall(r"```bash\n(.*?)```", document.read_text(), re.DOTALL)
        for line in text.splitlines()
        if line.startswith("orepass ")
    ]
    for document in DOCUMENTS
}


@pytest.fixture
def user(tmp_path: Path, server: str) -> dict[str, object]:
    """Someone in a checkout's folder, with the text and the embeddings that the README speaks of."""
    (tmp_path / "flows").symlink_to(ROOT / "flows")
    (tmp_path / "README.md").symlink_to(ROOT / "README.md")
    (tmp_path / "LICENSE").symlink_to(ROOT / "LICENSE")
    (tmp_path / "news").mkdir()
    for lang, words in (
        ("en", ("good morning to all", "this is the news")),
        ("de", ("guten Morgen an alle", "das sind")),
    ):
        for year in ("2024", "2025"):
            lines = "".join(f"{sentence} {year}\n" for sentence in words)
            (tmp_path / f"news/{lang}.{year}.gz").write_bytes(gzip.compress(lines.encode()))
    rows = np.random.default_rng(0).standard_normal((2_000, 1024), dtype=np.float32)
    rows.tofile(tmp_path / "embeddings.bin")
    environment = {**os.environ, "OREPASS_STORE": str(tmp_path / "store"), "PREFECT_API_URL": server}
    return {"cwd": tmp_path, "env": environment}


@pytest.mark.parametrize("block", PYTHON)
def test_python_blocks_run(block: str, user: dict[str, object]) -> None:
    if "orepass.learn" in block:
        pytest.importorskip("accelerate", reason="training needs the extra train")
    script = Path(str(user["cwd"])) / "block.py"
    script.write_text(block)
    result = subprocess.run([sys.executable, script], **user, capture_output=True, text=True, timeout=120)  # type: ignore[call-overload]
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command: str, user: dict[str, object]) -> None:
    words = [sys.executable, *shlex.split(command)[1:]]
    if "OPQ64" in command:  # trains for minutes; the same words with fewer centroids
        words = [word.replace("OPQ64,IVF1024,PQ64", "IVF16,PQ8np") for word in words]
    result = subprocess.run(words, **user, capture_output=True, text=True, timeout=300)  # type: ignore[call-overload]
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if OREPASS[path]], ids=lambda path: path.name)
def test_orepass_commands_run_one_after_the_other(document: Path, user: dict[str, object]) -> None:
    """With the files that the document shows: blocks whose first line is a comment with nothing but a file's name."""
    for name, text in re.findall(r"```\w+\n# (\S+)\n(.*?)```", document.read_text(), re.DOTALL):
        Path(str(user["cwd"]), name).write_text(text)
    for line in OREPASS[document]:
        words = [str(Path(sys.executable).with_name("orepass")), *shlex.split(line, comments=True)[1:]]
        result = subprocess.run(words, **user, capture_output=True, text=True, timeout=300)  # type: ignore[call-overload]
        assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"


def test_there_is_something_to_run() -> None:
    assert len(PYTHON) >= 2
    assert "python flows/mining.py" in COMMANDS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", document.read_text())
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing
