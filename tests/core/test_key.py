from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from orepass import Store, module
from orepass.digest import digest_path
from orepass.errors import InputError, UnkeyableError
from orepass.key import NO_ELEMENT, make_keys
from orepass.step import make_steps


@dataclass(frozen=True)
class Settings:
    data: Path | None = None
    k: float = 16
    label: str = "x"
    timeout_min: int | None = None


def _without_label(config: Settings) -> Mapping[str, Any]:
    return {"data": config.data, "k": config.k}


@module(version="1")
def keyed(config: Settings) -> int:
    return 1


@module(version="1", config_for_cache=_without_label)
def keyed_without_label(config: Settings) -> int:
    return 1


@pytest.fixture(autouse=True)
def files_settle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memo does not remember files of the last seconds; here it does, so that nobody has to wait."""
    monkeypatch.setattr("orepass.digest._SETTLED_AFTER_S", 0.01)


def settle() -> None:
    time.sleep(0.03)


def keys_of(config: Any, elements: list[Any], version: str = "1", name: str = "m") -> list[str]:
    return [key.digest for key in make_keys(name, version, config, elements, digest_path)]


def key_of(config: Any) -> str:
    return keys_of(config, [NO_ELEMENT])[0]


def test_a_key_is_forty_hexadecimal_digits() -> None:
    assert len(key_of({})) == 40
    assert int(key_of({}), 16) >= 0


def test_name_and_version_count() -> None:
    keys = {keys_of({}, [NO_ELEMENT], version, name)[0] for version in "12" for name in "mn"}
    assert len(keys) == 4


def test_the_list_of_an_array_is_in_no_key() -> None:
    assert set(keys_of({}, ["a", "b"])) < set(keys_of({}, ["c", "b", "a"]))


def test_an_element_is_not_the_same_as_none_at_all() -> None:
    assert len({key_of({}), keys_of({}, [None])[0], keys_of({}, [{}])[0]}) == 3


def test_config_for_cache_replaces_what_is_hashed(store: Store) -> None:
    def key(module_: Any, config: Settings) -> str:
        return next(make_steps(module_, config, None, store)).key.digest

    one, other = Settings(label="x"), Settings(label="y")
    assert key(keyed, one) != key(keyed, other)
    assert key(keyed_without_label, one) == key(keyed_without_label, other)
    assert key(keyed_without_label, one) != key(keyed_without_label, replace(one, k=3))


def test_a_moved_file_has_the_same_key(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    before = key_of({"data": tmp_path / "a"})
    (tmp_path / "a").rename(tmp_path / "b")
    assert key_of({"data": tmp_path / "b"}) == before


def test_a_moved_folder_has_the_same_key_and_one_with_renamed_files_has_not(tmp_path: Path) -> None:
    (tmp_path / "a" / "sub").mkdir(parents=True)
    (tmp_path / "a" / "sub" / "x").write_text("text")
    before = key_of({"data": tmp_path / "a"})
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert key_of({"data": tmp_path / "b"}) == before
    (tmp_path / "b" / "sub" / "x").rename(tmp_path / "b" / "x")
    assert key_of({"data": tmp_path / "b"}) != before


def test_what_linked_folders_hold_counts(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").write_text("one")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    before = digest_path(tmp_path / "data")
    (tmp_path / "elsewhere" / "x").write_text("two")
    assert digest_path(tmp_path / "data") != before


def test_a_folder_that_links_to_itself_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    with pytest.raises(InputError, match="again"):
        digest_path(tmp_path / "data")


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_file_rewritten_in_place_has_another_digest(size: int, tmp_path: Path) -> None:
    """The same size and time of modification do not hide it, nor does what is remembered of it."""
    file, memo = tmp_path / "file", tmp_path / "memo"
    file.write_bytes(b"a" * size)
    past = time.time() - 100
    os.utime(file, (past, past))
    settle()
    before = digest_path(file, memo)
    assert any(found.is_file() for found in memo.rglob("*")) == (size == 300_000)
    assert digest_path(file, memo) == before
    with file.open("r+b") as opened:
        opened.write(b"b")
    os.utime(file, (past, past))
    assert digest_path(file, memo) != before


def test_a_damaged_memo_is_not_believed(tmp_path: Path) -> None:
    file, memo = tmp_path / "large", tmp_path / "memo"
    file.write_bytes(b"a" * 300_000)
    settle()
    right = digest_path(file, memo)
    for remembered in memo.rglob("*"):
        if remembered.is_file():
            remembered.write_text("")  # what a power cut leaves
    assert digest_path(file, memo) == right


def test_the_memo_need_not_be_writable(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"a" * 300_000)
    (tmp_path / "file").write_text("")
    settle()
    assert digest_path(tmp_path / "large", tmp_path / "file" / "memo") == digest_path(tmp_path / "large")


@pytest.mark.parametrize("name", ["with space", "quo'te\"", "new\nline", "ünïcode", "-dash", "[glob]*"])
def test_awkward_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("text")
    (tmp_path / "plain").write_text("text")
    assert digest_path(tmp_path / name) == digest_path(tmp_path / "plain")


def test_a_missing_file_is_named(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match="not there"):
        asyncio.run(keyed.schedule(Settings(data=tmp_path / "not there")))


def test_an_unkeyable_option_is_named(store: Store) -> None:
    with pytest.raises(UnkeyableError, match=r"config\.label is a function") as caught:
        asyncio.run(keyed.schedule(Settings(label=lambda: 1)))  # type: ignore[arg-type]
    assert "key of keyed" in str(caught.value.__notes__)
