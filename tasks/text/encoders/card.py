"""What is known of an encoder's weights besides the weights: `card.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from orepass.errors import InputError


@dataclass(frozen=True)
class Card:
    """How weights were made and how to use them.

    Attributes:
        languages: the languages of the training data.
        thresholds: for a language pair such as `en-fr` the ratio margin (k = 16, retrieval `intersection`) with the
            best F1 on packages that were held out of training.
        held_out_f1: the F1 there, by language pair.
        pairs: training pairs by language pair.
    """

    languages: tuple[str, ...]
    thresholds: dict[str, float]
    held_out_f1: dict[str, float] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write `card.json` into a folder."""
        text = json.dumps(vars(self), indent=2, ensure_ascii=False) + "\n"
        (folder / "card.json").write_text(text, encoding="utf-8")

    def threshold(self, src_lang: str, tgt_lang: str) -> float | None:
        """The calibrated threshold of a language pair in either direction.

        Returns:
            That of the pair; the mean over all pairs for a pair that is not known; None where there is none at all.
        """
        for pair in (f"{src_lang}-{tgt_lang}", f"{tgt_lang}-{src_lang}"):
            if pair in self.thresholds:
                return self.thresholds[pair]
        known = self.thresholds.values()
        return round(sum(known) / len(known), 4) if known else None


def load_card(folder: Path) -> Card:
    """Read the `card.json` of a folder.

    Raises:
        InputError: there is none, or it is damaged.
    """
    try:
        fields = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return Card(**fields | {"languages": tuple(fields["languages"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"No readable card.json in {str(folder)!r}: {error}. Give the folder that flows/train_encoder.py wrote."
        ) from error
