"""The blocks as Prefect wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect.testing.standard_test_suites import BlockStandardTestSuite

from orepass.blocks.launchers import LAUNCHERS, LocalLauncher, launcher_type
from orepass.blocks.store import StoreBlock
from orepass.store import current_store


class TestBlocks(BlockStandardTestSuite):
    test_has_a_documentation_url: Any = None  # the documentation has no public address that could be given
    test_has_a_valid_image: Any = None  # a logo would have to be fetched from the network

    @pytest.fixture(params=[StoreBlock, *map(launcher_type, LAUNCHERS)], ids=lambda block: block.__name__)
    def block(self, request: pytest.FixtureRequest) -> Any:  # type: ignore[override]
        return request.param


def test_a_saved_store_is_the_same_after_loading(api: str, tmp_path: Path) -> None:
    StoreBlock(root=tmp_path / "team store").save("team", overwrite=True)  # type: ignore[unused-coroutine]
    StoreBlock.load("team").use()  # type: ignore[union-attr]
    assert current_store().root == tmp_path / "team store"


def test_a_saved_launcher_makes_the_same_task_runner(api: str) -> None:
    LocalLauncher(cpus=3, gpus=1).save("small", overwrite=True)  # type: ignore[unused-coroutine]
    loaded = LocalLauncher.load("small")
    assert (loaded.cpus, loaded.gpus) == (3, 1)  # type: ignore[union-attr]


def test_a_store_without_a_root_is_the_one_in_use(store: Any) -> None:
    assert StoreBlock().store() == store
