"""The licence that a Debian package says it is under."""

from __future__ import annotations

import re
from pathlib import Path

_DEP5 = re.compile(r"^License:[ \t]*(\S[^\n]*)$", re.MULTILINE)
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])")


def licence_of(package: Path) -> str:
    """Read the first licence that an unpacked Debian package's copyright file names.

    That of the package's main files comes first in a machine-readable copyright file; another file's first
    reference to a common licence stands in for it.

    Args:
        package: the folder the package was unpacked in.

    Returns:
        Such as `GPL-2+`; `see its copyright file` where none is named.
    """
    for path in sorted(package.glob("usr/share/doc/*/copyright")):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            named = _DEP5.search(text) or _COMMON.search(text)
            if named:
                return named.group(1).strip()
    return "see its copyright file"
