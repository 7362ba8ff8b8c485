from __future__ import annotations

from xml.etree import ElementTree

from orepass.drawing import Box, drawn


def test_whatever_an_error_says_the_picture_can_be_read() -> None:
    boxes = {
        "a": Box(("a & b", "<\udcff>"), "\x1b[31mred\x1b[0m\r\n\0", "#ffffff"),
        "b": Box(("b",), "", "#000000", ("a",)),
    }
    texts = [element.text for element in ElementTree.fromstring(drawn(boxes).encode()).iter() if element.text]
    assert {"a & b", "<\ufffd>", "b"} < set(texts) and "\ufffd[31mred\ufffd[0m\n\ufffd" in texts
