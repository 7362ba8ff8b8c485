from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from orepass.tasks.learn.licences import licence_of
from orepass.tasks.learn.read_package import ReadPackageConfig, read_package, read_rows

Po = Callable[[str, str, list[tuple[str, str]]], Path]


def test_reads_the_languages_that_there_are(po: Po) -> None:
    po("p_1", "de", [("One of the messages", "Eine der Meldungen")])
    folder = po("p_1", "fr", [("One of the messages", "Un des messages"), ("Two words", "Deux mots")])
    read = read_package(ReadPackageConfig(("fr", "de", "pl")), folder)
    assert list(read_rows(read.pairs)) == [
        ["fr", "One of the messages", "Un des messages"],
        ["de", "One of the messages", "Eine der Meldungen"],
    ]
    assert read.counts == {"fr": 1, "de": 1, "pl": 0}


def test_a_package_without_catalogs(tmp_path: Path) -> None:
    assert read_package(ReadPackageConfig(("fr",)), tmp_path).counts == {"fr": 0}


def test_a_damaged_catalog_is_left_out_and_named(po: Po, caplog: pytest.LogCaptureFixture) -> None:
    folder = po("p_1", "fr", [("One of the messages", "Un des messages")])
    (folder / "usr" / "share" / "locale" / "fr" / "LC_MESSAGES" / "damaged.mo").write_bytes(b"\xde\x12\x04\x95\0")
    with caplog.at_level(logging.WARNING):
        assert read_package(ReadPackageConfig(("fr",)), folder).counts == {"fr": 1}
    assert "damaged.mo" in caplog.text


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("Format: https://www.debian.org/\n\nFiles: *\nLicense: GPL-2+\n\nFiles: debian/*\nLicense: MIT\n", "GPL-2+"),
        ("On Debian systems see `/usr/share/common-licenses/LGPL-2.1'.\n", "LGPL-2.1"),
        ("All rights reserved.\n", "see its copyright file"),
    ],
)
def test_licences(tmp_path: Path, text: str, licence: str) -> None:
    path = tmp_path / "usr" / "share" / "doc" / "p" / "copyright"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert licence_of(tmp_path) == licence


def test_no_copyright_file(tmp_path: Path) -> None:
    assert licence_of(tmp_path) == "see its copyright file"
