from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polib
import pytest

from orepass.errors import ConfigError, InputError
from orepass.tasks.text.catalog_files import find_catalogs
from orepass.tasks.text.catalogs import all_texts, parallel_sentences

Write = Callable[..., Path]


def write(path: Path, *entries: dict[str, object]) -> Path:
    catalog = polib.MOFile() if path.suffix == ".mo" else polib.POFile()
    catalog.metadata = {"Content-Type": "text/plain; charset=utf-8"}
    catalog.extend(polib.POEntry(**entry) for entry in entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog.save(str(path))
    return path


def said(message: str, translation: str, **more: object) -> dict[str, object]:
    return {"msgid": message, "msgstr": translation, **more}


GOOD = said("The page was not found", "La page est introuvable")


def pairs_of(folder: Path, *entries: dict[str, object]) -> list[tuple[str, str]]:
    write(folder / "fr" / "LC_MESSAGES" / "x.po", *entries)
    return parallel_sentences(str(folder), "en", "fr")


def test_reads_entries(tmp_path: Path) -> None:
    assert pairs_of(tmp_path, GOOD) == [("The page was not found", "La page est introuvable")]


@pytest.mark.parametrize(
    "dropped",
    [
        said("One file was moved", "", msgid_plural="%d files were moved", msgstr_plural={0: "Un", 1: "Des"}),
        said("This one is fuzzy", "Celui-ci est flou", flags=["fuzzy"]),
        said("This one is obsolete", "Celui-ci est dépassé", obsolete=True),
        said("This is not translated", ""),
        said("Two words", "Deux petits mots"),
        said("%s and %d or 12", "%s et %d ou 12"),
        said("Only a number here", "123 456"),
        said("Cannot open the {file", "Impossible d'ouvrir le {file"),
        said("Cannot open %s for you", "Impossible de l'ouvrir"),
        said("The same in French", "the same, in french!"),
        said("the PAGE was not found!", "Autre chose encore"),
        said("Something else entirely", "« La page est  introuvable. »"),
    ],
    ids=lambda entry: entry["msgid"],
)
def test_drops(tmp_path: Path, dropped: dict[str, object]) -> None:
    assert pairs_of(tmp_path, GOOD, dropped) == [("The page was not found", "La page est introuvable")]


def test_line_breaks_become_spaces(tmp_path: Path) -> None:
    found = pairs_of(tmp_path, said("First line\nsecond line\r\n\tthird\u2028line", "Un\ndeux\u2029trois"))
    assert found == [("First line second line third line", "Un deux trois")]


def test_contexts_tell_equal_messages_apart(tmp_path: Path) -> None:
    for language, one, two in (
        ("fr", "Un premier mot", "Un second mot"),
        ("de", "Ein erstes Wort", "Ein zweites Wort"),
    ):
        write(
            tmp_path / language / "LC_MESSAGES" / "x.po",
            said("One word more", two, msgctxt="second"),
            said("One word more", one, msgctxt="first"),
        )
    assert set(parallel_sentences(str(tmp_path), "fr", "de")) == {
        ("Un premier mot", "Ein erstes Wort"),
        ("Un second mot", "Ein zweites Wort"),
    }


def test_compiled_catalogs(tmp_path: Path) -> None:
    write(tmp_path / "share" / "locale" / "pl" / "LC_MESSAGES" / "y.mo", said("Save the file now", "Zapisz plik teraz"))
    assert parallel_sentences(str(tmp_path), "en", "pl") == [("Save the file now", "Zapisz plik teraz")]


def test_the_source_wins_over_what_was_compiled_from_it(tmp_path: Path) -> None:
    write(tmp_path / "fr" / "LC_MESSAGES" / "x.mo", said("An older message here", "Un ancien message"))
    assert pairs_of(tmp_path, GOOD) == [("The page was not found", "La page est introuvable")]


def test_other_pairs_of_languages_are_joined_over_the_message(tmp_path: Path) -> None:
    write(tmp_path / "fr.po", said("Delete all pages", "Tout supprimer ici"), said("Only in French", "Rien qu'ici"))
    write(
        tmp_path / "admin-pt_BR.po", said("Only in Portuguese", "Somente isto"), said("Delete all pages", "Apagar tudo")
    )
    assert parallel_sentences(str(tmp_path), "fr", "pt-br") == [("Tout supprimer ici", "Apagar tudo")]
    assert parallel_sentences(str(tmp_path), "fr", "en")[0] == ("Tout supprimer ici", "Delete all pages")


@pytest.mark.parametrize(
    ("written", "asked"), [("zh_Hans", "zh-hans"), ("pt_BR", "pt_br"), ("de_DE", "de"), ("fr", "FR")]
)
def test_names_of_languages(tmp_path: Path, written: str, asked: str) -> None:
    write(tmp_path / written / "LC_MESSAGES" / "x.po", GOOD)
    assert parallel_sentences(str(tmp_path), "en", asked)


def test_unknown_language_lists_those_that_there_are(tmp_path: Path) -> None:
    write(tmp_path / "fr.po", GOOD)
    write(tmp_path / "de.po", GOOD)
    with pytest.raises(ConfigError, match=r"'fra'.*Did you mean 'fr'\? Valid: de, en, fr"):
        parallel_sentences(str(tmp_path), "en", "fra")


def test_one_language_twice(tmp_path: Path) -> None:
    write(tmp_path / "fr.po", GOOD)
    with pytest.raises(ConfigError, match="both 'fr'"):
        parallel_sentences(str(tmp_path), "fr", "fr")


def test_missing_package_names_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="'nowhere_to_be_found' is neither"):
        find_catalogs("nowhere_to_be_found")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "Django'):
        find_catalogs("django")


def test_a_package_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "catalogs_of_a_test"
    write(package / "inner" / "locale" / "fr" / "LC_MESSAGES" / "x.po", GOOD)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list(find_catalogs("catalogs_of_a_test")) == ["fr"]
    assert list(find_catalogs("catalogs_of_a_test.inner")) == ["fr"]


def test_a_folder_without_catalogs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no gettext catalogs"):
        find_catalogs(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xde\x12\x04\x95" + b"\xff" * 40, b"\xde\x12\x04\x95\0\0"])
def test_a_damaged_compiled_catalog_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fr.mo").write_bytes(content)
    with pytest.raises(InputError, match=r"fr\.mo"):
        parallel_sentences(str(tmp_path), "en", "fr")


def test_a_damaged_catalog_is_named(tmp_path: Path) -> None:
    (tmp_path / "fr.po").write_bytes(b'msgid "a"\nmsgstr "\xff\xfe"\nnonsense\n')
    with pytest.raises(InputError, match=r"fr\.po"):
        parallel_sentences(str(tmp_path), "en", "fr")


def test_all_texts_leaves_nothing_out(tmp_path: Path) -> None:
    path = write(
        tmp_path / "fr.po",
        said("Yes", "Oui"),
        said("A file", "", msgid_plural="%d files", msgstr_plural={0: "Un fichier", 1: "%d fichiers"}),
        said("Fuzzy", "Flou", flags=["fuzzy"]),
    )
    assert {"Yes", "Oui", "A file", "%d files", "… files", "Un fichier", "… fichiers", "Flou"} <= set(all_texts(path))
