"""Pairs as a translation memory: TMX 1.4b, the format of the Localization Industry Standards Association."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from orepass.tasks.bitext.pair_files import Batch, Languages, as_text, rows
from orepass.tasks.text.compressed import create

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (production 2) does not allow in a document, not even escaped."""

_OF_A_PAIR = ("score", "direction")


def write_tmx(path: Path, batches: Iterable[Batch], languages: Languages) -> tuple[Path, ...]:
    """Write one translation unit a pair, streaming.

    Score and direction are properties of the unit, what is carried along is a property of the variant of its language.
    A character that XML does not allow becomes U+FFFD.

    Args:
        path: the file.
        batches: what is written.
        languages: of source and target, as they stand in `xml:lang`.
    """
    with create(path) as file:
        writer = _Writer(file, "utf-8", short_empty_elements=True)
        writer.startDocument()
        writer.start("tmx", {"version": "1.4"})
        header = {
            "creationtool": "orepass",
            "creationtoolversion": version("orepass"),
            "segtype": "sentence",
            "o-tmf": "orepass",
            "adminlang": "en",
            "srclang": languages[0],
            "datatype": "plaintext",
        }
        writer.start("header", header)
        writer.endElement("header")
        writer.start("body")
        for pair in chain.from_iterable(map(rows, batches)):
            writer.unit(pair, languages)
        writer.endElement("body")
        writer.endElement("tmx")
        writer.endDocument()
    return (path,)


class _Writer(XMLGenerator):
    def start(self, name: str, attributes: dict[str, str] | None = None) -> None:
        self.startElement(name, AttributesImpl(attributes or {}))

    def unit(self, pair: dict[str, Any], languages: Languages) -> None:
        self.start("tu")
        for name in _OF_A_PAIR:
            self._property(name, pair[name])
        for lang, side, prefix in zip(languages, ("source", "target"), ("src_", "tgt_"), strict=True):
            self.start("tuv", {"xml:lang": lang})
            for name, value in pair.items():
                if name.startswith(prefix) and value is not None:
                    self._property(name.removeprefix(prefix), value)
            self._element("seg", pair[side])
            self.endElement("tuv")
        self.endElement("tu")
        self.ignorableWhitespace("\n")

    def _property(self, name: str, value: Any) -> None:
        self._element("prop", as_text(value), {"type": name})

    def _element(self, name: str, text: str, attributes: dict[str, str] | None = None) -> None:
        self.start(name, attributes)
        self.characters(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))
        self.endElement(name)
