"""Make a sentence of a message: what stands for a value is masked, markup and accelerators are taken out."""

from __future__ import annotations

import html
import re

MASK = "…"
"""What stands where a value would be put: punctuation, the same in every language, so it gives nothing away."""

_PLACEHOLDER = re.compile(
    r"""
      %\([^()\s]*\)[-#0+]*\d*(?:\.\d+)?[a-zA-Z]                     # Python   %(name)s
    | %[A-Z]{3,}                                                    # LibreOffice %PRODUCTNAME
    | %(?:\d+\$)?[-#0+']*(?:\d+|\*)?(?:\.(?:\d+|\*))?
      (?:hh|h|ll|l|L|q|j|z|t)?(?:[diouxXeEfFgGaAcsrpnm]|<\w+>)       # C, PHP   %s %1$d %-10.3f %<PRIu64>
    | %L?\d+                                                        # Qt, KDE  %1
    | \$\(\w*\) | [$\#@]?\{\{?[^{}]*\}?\} | \$\w+                   # $(ARG1) ${x} #{x} {0} {name!r:>3} {{x}} $x
    """,
    re.VERBOSE,
)
_TAG = re.compile(r"(?<!%)</?[A-Za-z][^<>]*>")
_LEFT_OVER = re.compile(r"[{}]|[<>]\w|\w>|%[(\w]|\$[({\w]|&#?\w+;|\\[a-z]")
_BRACKETED_ACCELERATOR = re.compile(r"\s*\([_&~]\w\)")
_SPACES = re.compile(r"[^\S\u00a0\u202f]+|[\x00-\x1f\x7f]+")


def mask_pair(msgid: str, msgstr: str) -> tuple[str, str] | None:
    """Mask a message and its translation, alike.

    Placeholders become `MASK`, tags go, entities become characters, accelerator marks (`_File`, `&File`,
    `~File`) go, and every line break, tab or run of spaces becomes one space (no-break spaces stay).

    Args:
        msgid: the message.
        msgstr: its translation.

    Returns:
        Both masked, or None where they cannot be: something like a placeholder is left over in either, or
        the two do not have the same number of placeholders.
    """
    source, source_count = _mask(msgid)
    target, target_count = _mask(msgstr)
    if source_count != target_count or _LEFT_OVER.search(source) or _LEFT_OVER.search(target):
        return None
    for mark in "_&~":
        if re.search(rf"(?<!\w){mark}\w", source) and source.count(mark) == 1 and target.count(mark) <= 1:
            source = source.replace(mark, "")
            target = _BRACKETED_ACCELERATOR.sub("", target).replace(mark, "")
    return source, target


def _mask(text: str) -> tuple[str, int]:
    text = _TAG.sub("", text)
    text, count = _PLACEHOLDER.subn(MASK, text.replace("%%", "\0"))
    text = html.unescape(text.replace("\0", "%"))
    return _SPACES.sub(" ", text).strip(" "), count
