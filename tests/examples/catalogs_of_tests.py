"""Message catalogs of a made-up language."""

from __future__ import annotations

import random
from pathlib import Path


def write_catalog(package: Path, messages: int, seed: int) -> None:
    """Put a French catalog into the folder of a package: six words a message, each always translated alike."""
    rng = random.Random(seed)
    words = {f"{one}{two}": f"{two}{one}o" for one in ("zor", "bam", "kel", "vut") for two in ("na", "pi", "lu", "se")}
    entries = ['msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n']
    for _ in range(messages):
        message = rng.choices(sorted(words), k=6)
        entries.append(f'msgid "{" ".join(message)}"\nmsgstr "{" ".join(words[word] for word in message)}"\n')
    path = package / "usr" / "share" / "locale" / "fr" / "LC_MESSAGES" / "x.po"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(entries), encoding="utf-8")
