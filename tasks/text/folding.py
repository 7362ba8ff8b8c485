"""When two sentences count as the same text."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Reduce a text to what is left when compatibility forms, case, punctuation and spaces do not count.

    Two sentences with the same fold are duplicates; the training data of the bundled encoder shares no
    fold with anything that the demo mines.

    Args:
        text: any text.

    Returns:
        The letters, digits and combining marks of `NFKC(casefold(NFKC(text)))`, without anything between
        them. Empty when the text has none.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    if folded.isalnum():
        return folded
    return "".join(c for c in folded if c.isalnum() or unicodedata.category(c)[0] == "M")
