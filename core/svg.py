"""Pictures as SVG that stands alone: in a file, in a page, in Markdown."""

from __future__ import annotations

import base64
import re

# What XML cannot have, not even escaped: a log has colours in it, a file name has bytes that are no text.
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(content: str, width: float, height: float, top: float = 0) -> str:
    """A picture on white ground.

    Args:
        content: elements of SVG; characters that XML cannot have are replaced.
        width: in pixels.
        height: in pixels.
        top: the upper edge's coordinate.
    """
    content = _NO_XML.sub("\ufffd", content)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {top:.0f} {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="sans-serif" role="img">'
        f'<rect y="{top:.0f}" width="100%" height="100%" fill="#ffffff"/>{content}</svg>'
    )


def in_markdown(picture: str, name: str) -> str:
    """A picture inside the text itself, as both of Prefect's UIs show it; of its own languages they share none."""
    data = base64.b64encode(picture.encode()).decode()
    return f"![{name}](data:image/svg+xml;base64,{data})"
