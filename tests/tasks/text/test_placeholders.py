from __future__ import annotations

import pytest

from orepass.tasks.text.placeholders import mask_pair


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("Cannot open %s: %d errors", "Cannot open …: … errors"),
        ("%(count)d of %(total)-5.2f files", "… of … files"),
        ("%1$s is not in %2$s", "… is not in …"),
        ("%lu bytes, %-10.3f, %zu, %<PRIu64> left", "… bytes, …, …, … left"),
        ("Open {} or {0} or {name!r:>3} now", "Open … or … or … now"),
        ("Move %1 to %2, %n files", "Move … to …, … files"),
        ("Start %PRODUCTNAME with $(ARG1) or ${HOME} or $user", "Start … with … or … or …"),
        ("100%% sure", "100% sure"),
        ("50 % of all", "50 % of all"),
        ('Read <a href="x">the <b>manual</b></a><br/> first', "Read the manual first"),
        ("Tom &amp; Jerry &lt; 3 &#233; &eacute;", "Tom & Jerry < 3 é é"),
        ("_Open the file", "Open the file"),
        ("Save &as a copy", "Save as a copy"),
        ("~Remove the page", "Remove the page"),
        ("two\nlines\tand\r\nmore\u2028here\x0b", "two lines and more here"),
        ("kept\u00a0together: 12\u202f000", "kept\u00a0together: 12\u202f000"),
    ],
)
def test_masks(message: str, masked: str) -> None:
    assert mask_pair(message, message) == (masked, masked)


@pytest.mark.parametrize(
    ("message", "translation"),
    [
        ("Cannot open %s", "Ne peut ouvrir"),  # the translation lost one
        ("{open", "{ouvrir"),
        ("a $(b c", "a $(b c"),
        ("run %(name", "run %(name"),
        ("less <than", "less <than"),
        ("50%yes it", "50%yes it"),
    ],
)
def test_refuses_what_it_cannot_mask(message: str, translation: str) -> None:
    assert mask_pair(message, translation) is None


def test_accelerators_of_the_translation_go_wherever_they_are() -> None:
    assert mask_pair("_Save it", "Zapi_sz to") == ("Save it", "Zapisz to")
    assert mask_pair("_Save the file", "ファイルを保存(_S)") == ("Save the file", "ファイルを保存")


def test_underscores_of_names_stay() -> None:
    assert mask_pair("set file_name now", "file_name setzen") == ("set file_name now", "file_name setzen")
