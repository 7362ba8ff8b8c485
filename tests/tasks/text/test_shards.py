from __future__ import annotations

from pathlib import Path

import pytest

from orepass.config import load
from orepass.errors import ConfigError, InputError
from orepass.tasks.text.shards import DataConfig, resolve_shards
from orepass.tasks.text.tables import Columns


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ["en.10.txt", "en.2.txt", "en.1.txt", ".hidden", "fr.1.txt", "fr.2.txt"]:
        (tmp_path / name).write_text(name)
    (tmp_path / "inner").mkdir()
    return tmp_path


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_list_keeps_its_order(folder: Path) -> None:
    spec = {"en": (f"{folder}/en.2.txt", f"{folder}/en.1.txt")}
    assert names(resolve_shards(spec, "en")) == ["en.2.txt", "en.1.txt"]


def test_glob_is_in_natural_order(folder: Path) -> None:
    assert names(resolve_shards(f"{folder}/{{lang}}.*.txt", "en")) == ["en.1.txt", "en.2.txt", "en.10.txt"]
    assert names(resolve_shards({"xx": (f"{folder}/fr*",)}, "xx")) == ["fr.1.txt", "fr.2.txt"]
    assert names(resolve_shards(f"{folder}/**/{{lang}}.1.txt", "fr")) == ["fr.1.txt"]


def test_folder_is_its_visible_files(folder: Path) -> None:
    assert names(resolve_shards({"en": str(folder)}, "en")) == [
        "en.1.txt", "en.2.txt", "en.10.txt", "fr.1.txt", "fr.2.txt",
    ]  # fmt: skip


def test_relative_places_start_at_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert resolve_shards("{lang}.1.txt", "en") == [folder / "en.1.txt"]
    assert resolve_shards("{lang}.[12].txt", "fr") == [folder / "fr.1.txt", folder / "fr.2.txt"]


@pytest.mark.parametrize("name", ["a b", 'it\'s "so"', "new\nline", "[abc]*?", "{brace}", "-dash"])
def test_hostile_names_are_literal(tmp_path: Path, name: str) -> None:
    inside = tmp_path / name
    inside.mkdir()
    for shard in [f"{name}.10", f"{name}.9"]:
        (inside / shard).write_text("x")
    in_order = [inside / f"{name}.9", inside / f"{name}.10"]
    assert resolve_shards(str(inside), "en") == in_order
    assert resolve_shards({"en": (str(in_order[1]),)}, "en") == in_order[1:]
    assert resolve_shards(str(inside / "*"), "en") == in_order


def test_language_in_a_folder_name(tmp_path: Path) -> None:
    (tmp_path / "[x] en").mkdir()
    (tmp_path / "[x] en" / "part").write_text("x")
    assert names(resolve_shards(f"{tmp_path}/[x] {{lang}}", "en")) == ["part"]
    assert names(resolve_shards(f"{tmp_path}/[x] {{lang}}/p*", "en")) == ["part"]


@pytest.mark.parametrize("place", ["{lang}.*.gz", "inner", "nowhere/*", "en.3.txt"])
def test_nothing_found_names_pattern_and_folder(folder: Path, place: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_shards(f"{folder}/{place}", "en", "embeddings")
    assert f"{folder}/{place}" in str(caught.value)
    assert "embeddings shards for 'en'" in str(caught.value)
    assert str(folder) in str(caught.value)


def test_language_without_an_entry(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no text shards for 'fra'\. Did you mean 'fr'\? Valid: en, fr\."):
        resolve_shards({"en": "x", "fr": "y"}, "fra")


@pytest.mark.parametrize("spec", ["", {"en": ()}, {"en": ("",)}])
def test_no_place_at_all(spec: str) -> None:
    with pytest.raises(ConfigError, match="Name a file"):
        resolve_shards(spec, "en")


def test_file_named_twice(folder: Path) -> None:
    with pytest.raises(InputError, match=r"name '.*en\.1\.txt' twice"):
        resolve_shards({"en": (f"{folder}/en.1.txt", f"{folder}/en.*")}, "en")


def test_config_from_plain_values() -> None:
    data = load(DataConfig, {"name": "demo", "shards": {"en": ["a", "b"], "fr": "c*"}, "gold": "gold.tsv"})
    assert data == DataConfig("demo", {"en": ("a", "b"), "fr": "c*"}, Path("gold.tsv"))
    assert load(DataConfig, {"name": "demo", "shards": "{lang}.txt"}).shards == "{lang}.txt"


def test_columns_of_a_language() -> None:
    options = {
        "name": "x",
        "shards": "a",
        "format": "tsv",
        "text": "text_{lang}",
        "id": "id",
        "metadata": ["{lang}_url"],
    }
    assert load(DataConfig, options).columns("fr") == Columns("text_fr", "id", ("fr_url",))
    assert load(DataConfig, {"name": "x", "shards": "a", "text": 2, "metadata": [1, 3]}).columns("fr") == Columns(
        2, None, (1, 3)
    )
    assert load(DataConfig, {"name": "x", "shards": "a"}).columns("fr") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"format": "json"},
            r"format='json' is unknown. Did you mean 'jsonl'\? Valid: jsonl, lines, parquet",
        ),
        ({"id": "key"}, "id and metadata name columns, but text names none"),
    ],
)
def test_columns_that_do_not_fit(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(DataConfig, {"name": "x", "shards": "a", **options})
