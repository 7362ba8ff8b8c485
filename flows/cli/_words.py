"""Sizes and times as people read and write them; sizes are binary, 1 GB is 1 GiB."""

from __future__ import annotations

import argparse
import re

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGTP])(?:i?B)?|B)?", re.IGNORECASE)
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([hdw])", re.IGNORECASE)


def size_text(size: float) -> str:
    """Bytes for people, such as `1.5 GiB`."""
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"


def time_text(seconds: float) -> str:
    """A span of time for people, such as `0.25 s`, `12 min` or `3 d`."""
    if seconds < 10:
        return f"{round(seconds, 3):.2g} s"
    for unit, length, fewer_than in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < fewer_than * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def size(text: str) -> int:
    """Read a size such as `200GB`, `1.5 GiB` or `1000` (bytes); a type for argparse."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write bytes, or a number with KB, MB, GB or TB")
    return int(float(found[1]) * 1024 ** (" KMGTP".index((found[2] or " ").upper())))


def days(text: str) -> float:
    """Read an age such as `90d`, `36h` or `2w`, as days; a type for argparse."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age; write hours, days or weeks: 36h, 90d, 2w")
    return float(found[1]) * _DAYS[found[2].lower()]
