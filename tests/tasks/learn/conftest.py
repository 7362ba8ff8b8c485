from __future__ import annotations

import random
from pathlib import Path

import pytest

NUMERALS = ["ba", "ke", "di", "mo", "lu", "ra", "te", "fi", "no", "su"]


def foreign(word: str) -> str:
    """A made-up language: another word for each word, without a letter in common."""
    return "".join(NUMERALS[(ord(letter) * 7) % 10] for letter in word)


def made_up_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    words = ["".join(random.Random(i).choices("acghjpqvwxyz", k=6)) for i in range(150)]
    sources = [rng.choices(words, k=rng.randint(4, 8)) for _ in range(count)]
    return [(" ".join(source), " ".join(foreign(word) for word in source)) for source in sources]


@pytest.fixture
def po(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Writes a catalog: folder, language, pairs."""

    def write(folder: str, language: str, pairs: list[tuple[str, str]]) -> Path:
        path = tmp_path / folder / "usr" / "share" / "locale" / language / "LC_MESSAGES" / "x.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        path.write_text(header + "".join(f'msgid "{a}"\nmsgstr "{b}"\n\n' for a, b in pairs), encoding="utf-8")
        return tmp_path / folder

    return write
